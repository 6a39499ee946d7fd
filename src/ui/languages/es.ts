// Spanish texts.
import type { Messages } from "../messages.ts";

export const es: Messages = {
  privacy: "Privacidad",
  terms: "Condiciones",
  support: "Ayuda",
  errorId: "Número de error",
  back: "Atrás",
  cancel: "Cancelar",

  notFoundTitle: "Aquí no hay nada",
  notFoundMessage:
    "Esta dirección no lleva a ninguna parte. Empieza de nuevo desde la app de Alexa o desde nuestra app.",
  errorTitle: "Algo ha salido mal",
  errorMessage: "El fallo es nuestro, no tuyo. Inténtalo de nuevo.",
  unavailableTitle: "No disponible en este momento",
  unavailableMessage: "Espera unos segundos e inténtalo de nuevo. No se ha perdido nada.",
  consentExpiredTitle: "Esta página ha caducado",
  consentExpiredMessage:
    "Ha estado abierta demasiado tiempo. Vuelve a la app de Alexa y empieza la vinculación de nuevo.",
  consentDecidedTitle: "Ya está decidido",
  consentDecidedMessage:
    "Otra persona respondió a esta solicitud con otra cuenta. Empieza de nuevo en la app de Alexa.",
  formForgedTitle: "Este formulario no se puede usar",
  formForgedMessage:
    "No se abrió en este navegador, o las cookies están bloqueadas. Empieza de nuevo y permite las cookies de este sitio.",
  decisionMissingTitle: "No llegó ninguna decisión",
  decisionMissingMessage: "Vuelve atrás y elige uno de los botones.",
  wrongMethodTitle: "Tipo de solicitud incorrecto",
  wrongMethodMessage: "Esta dirección se abre en un navegador.",
  swappedUrlsMessage:
    "Esta es la URL de autorización. Las solicitudes de tokens van a /token: parece que las dos URL están intercambiadas en la configuración de la skill.",
  authorizeRefusedTitle: "Este enlace no se puede usar",
  authorizeRefusedHint:
    "Empieza de nuevo en la app de Alexa. Si vuelve a ocurrir, indica a soporte el número de error.",
  authorizeRefusedVendorHint:
    "La dirección parece de Amazon: el operador de este servicio tiene que registrar el vendor id de la skill.",
  authorizeRefused: {
    query_too_long: "La solicitud es demasiado larga.",
    parameter_repeated: "La solicitud indica algo dos veces.",
    client_missing: "La solicitud no dice para qué skill es (falta client_id).",
    client_unknown: "Aquí no se conoce la skill (client_id desconocido).",
    redirect_uri_missing: "La solicitud no dice adónde volver (falta redirect_uri).",
    redirect_uri_unregistered: "La dirección de vuelta no está registrada para esta skill (redirect_uri).",
    state_too_long: "La solicitud lleva un estado demasiado largo (state).",
    state_not_printable: "La solicitud lleva caracteres no permitidos (state).",
  },

  remediesTitle: "¿La vinculación sigue fallando?",
  remedies: [
    "Actualiza la app de Alexa en tu teléfono y empieza de nuevo desde la página de la skill.",
    "O vincula en un ordenador: abre alexa.amazon.com en un navegador y activa allí la skill.",
    "Permite las ventanas emergentes en esta página y desactiva las extensiones que modifican enlaces.",
  ],

  consentTitleAlexa: (skill) => `Vincular ${skill} con Alexa`,
  consentTitleApp: (app) => `¿Permitir que ${app} use tu cuenta?`,
  consentLeadAlexa: (brand) => `Amazon Alexa pide permiso para usar tu cuenta de ${brand}.`,
  consentLeadApp: (app, brand) => `${app} pide permiso para usar tu cuenta de ${brand}.`,
  consentAccount: (brand) => `Sesión iniciada en ${brand} como`,
  consentSwitch: "¿No eres tú?",
  consentScopesAlexa: "Alexa podrá:",
  consentScopesApp: (app) => `${app} podrá:`,
  consentAllowAlexa: "Permitir y vincular",
  consentAllowApp: "Permitir",
  consentDeny: "Cancelar",
  consentRevocable: "Puedes deshacerlo en cualquier momento, aquí o en la app de Alexa.",
  scopeLinks: "Vincular tu cuenta con Alexa y desvincularla",

  linkSkillUnknownTitle: "No conocemos esta skill",
  linkSkillUnknownMessage:
    "El enlace lleva a una skill que no existe. Empieza de nuevo en nuestra app o en nuestro sitio.",
  linkBadAddressMessage: "La dirección está incompleta o indica algo dos veces. Empieza de nuevo donde estabas.",
  linkReturnToMessage: "La dirección de vuelta no está registrada para esta skill (return_to).",
  linkNotOfferedMessage: "Esta skill solo se puede vincular desde la app de Alexa. Ábrela allí y actívala.",
  linkElsewhereTitle: "Termina donde empezaste",
  linkElsewhereMessage:
    "Esta vinculación se empezó en otro navegador o con otra cuenta. Aquí no se ha vinculado nada. Si no la empezaste tú, cierra esta página.",
  linkWaitingTitle: "Vinculando con Alexa…",
  linkWaitingMessage: "Amazon está conectando tu cuenta. Tarda unos segundos; la página continúa sola.",
  linkedTitle: "Vinculado con Alexa",
  linkedMessage: "Tu cuenta está vinculada. Ya puedes usarla con Alexa.",
  linkCancelledTitle: "No vinculado",
  linkCancelledMessage: "Has cancelado. No se ha vinculado ni cambiado nada.",
  linkFailedTitle: "La vinculación no ha funcionado",
  linkFailedMessage: "No se ha vinculado nada. Empieza de nuevo.",
  linkExpiredMessage: "Esta vinculación ha caducado o ya había terminado. Empieza de nuevo.",
  linkFailedReasons: {
    amazon_code_rejected: "Amazon no aceptó la confirmación, a menudo porque tardó demasiado. Empieza de nuevo.",
    amazon_unavailable: "Ahora no se puede contactar con Amazon. Inténtalo de nuevo en unos minutos.",
    enablement_unavailable: "Ahora no se puede contactar con Alexa. Inténtalo de nuevo en unos minutos.",
    enablement_forbidden: "Alexa no permite esta skill para tu cuenta de Amazon.",
    enablement_rejected:
      "Alexa no pudo vincular la skill. Si ya está activada en la app de Alexa, desactívala allí y empieza de nuevo.",
  },
  startAgain: "Empezar de nuevo",
  closePage: "Ya puedes cerrar esta página.",

  signInTitle: (brand) => `Inicia sesión en ${brand}`,
  signInTitleLinking: (brand, skill) =>
    brand === skill ? `Inicia sesión para vincular ${skill}` : `Inicia sesión en ${brand} para vincular ${skill}`,
  signInLead: (brand) => `Usa tu cuenta de ${brand}.`,
  signInLeadLinking: (brand) => `Usa aquí tu cuenta de ${brand}, no tu cuenta de Amazon.`,
  signInLeadAmazon: (brand) => `${brand} usa tu cuenta de Amazon para iniciar sesión.`,
  signInCancelled: (provider) => `Se canceló el inicio de sesión con ${provider}.`,
  providerUnavailable: (provider) =>
    `El inicio de sesión con ${provider} no responde ahora. No se ha perdido nada: inténtalo de nuevo.`,
  providerRefused: (provider) => `El inicio de sesión con ${provider} no ha funcionado. Inténtalo de nuevo.`,
  email: "Correo electrónico",
  password: "Contraseña",
  signInButton: "Iniciar sesión",
  signInWith: (provider) => `Continuar con ${provider}`,
  or: "o",
  forgotPassword: "¿Has olvidado la contraseña?",
  noAccountYet: "Crear una cuenta",
  signInWrong: "El correo o la contraseña no son correctos.",
  signInIncomplete: "Escribe tu correo electrónico y tu contraseña.",
  signInThrottled: (seconds) =>
    seconds < 90
      ? `Demasiados intentos. Espera ${seconds} ${seconds === 1 ? "segundo" : "segundos"} e inténtalo de nuevo.`
      : `Demasiados intentos. Espera ${Math.ceil(seconds / 60)} minutos e inténtalo de nuevo.`,
  signedOut: "Has cerrado la sesión.",

  passwordRule: "Al menos 10 caracteres, los que quieras.",
  passwordTooShort: "La contraseña necesita al menos 10 caracteres.",
  passwordTooLong: "La contraseña es demasiado larga.",

  formExpiredTitle: "Esta página ha estado abierta demasiado tiempo",
  formExpiredMessage:
    "Por tu seguridad sirve durante una hora. Empieza de nuevo desde la app de Alexa o desde nuestra app.",
  formBrokenTitle: "Este formulario no llegó completo",
  formBrokenMessage: "Vuelve atrás, carga la página de nuevo y repite lo que hiciste.",

  accountTitle: "Tu cuenta",
  accountLinked: "Asistentes vinculados",
  accountApps: "Apps que pueden usar tu cuenta",
  accountNothingLinked:
    "No hay ningún asistente vinculado a esta cuenta. Para vincular uno, activa la skill en la app de Alexa.",
  accountLinkedOn: "Vinculado el",
  accountLastUsed: "Último uso",
  accountFlow: "Empezado en",
  accountFlows: {
    alexa_app: "la app de Alexa",
    app_to_app: "nuestra app",
    website: "nuestro sitio web",
    app_authorize: "la app de Alexa, aprobado en nuestra app",
    oauth: "la propia app",
  },
  accountLevel: "Quién puede usarla",
  accountLevels: { person: "Solo tu voz", account: "Todas las personas que usan estos dispositivos" },
  unlink: "Desvincular",
  unlinkTitle: (skill) => `¿Desvincular ${skill}?`,
  unlinkMessage: (skill) =>
    `Alexa ya no podrá acceder a tu cuenta a través de ${skill}. Puedes volver a vincular en cualquier momento.`,
  unlinkTitleApp: (app) => `¿Quitar el acceso de ${app}?`,
  unlinkMessageApp: (app) => `${app} ya no podrá acceder a tu cuenta hasta que lo permitas de nuevo.`,
  unlinkPending: "Desvinculado. Amazon aún no ha respondido; la skill se desactivará allí en cuanto lo haga.",
  unlinked: "Desvinculado.",
  alreadyUnlinked: "Este vínculo ya no existe.",
  changePassword: "Cambiar contraseña",
  currentPassword: "Contraseña actual",
  newPassword: "Contraseña nueva",
  currentPasswordWrong: "La contraseña actual no es correcta.",
  changePasswordHint:
    "Se cerrará la sesión en todos los demás dispositivos. Los asistentes vinculados siguen funcionando.",
  passwordChanged:
    "La contraseña ha cambiado y se ha cerrado la sesión en los demás dispositivos. Los asistentes vinculados siguen funcionando: desvincula abajo lo que no conozcas.",
  signOut: "Cerrar sesión",
  accountData: "Descargar una copia de sus datos",
  signOutEverywhere: "Cerrar sesión en todas partes",
  signOutEverywhereHint:
    "Cierra todas las sesiones en todos los dispositivos. Los asistentes vinculados siguen funcionando.",
};
