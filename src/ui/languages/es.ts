// Spanish texts.
import type { Messages } from "./en.ts";

export const es: Messages = {
  privacy: "Privacidad",
  terms: "Condiciones",
  support: "Ayuda",
  errorId: "ID del error",
  cancel: "Cancelar",

  notFoundTitle: "Página no encontrada",
  notFoundMessage:
    "No hay ninguna página en esta dirección. Vuelve a la app de Alexa o a nuestra app y empieza de nuevo.",
  errorTitle: "Algo ha salido mal",
  errorMessage: "El problema es nuestro. Inténtalo de nuevo.",
  unavailableTitle: "No disponible en este momento",
  unavailableMessage: "No se ha perdido nada. Espera unos segundos e inténtalo de nuevo.",
  consentExpiredTitle: "Esta página ha caducado",
  consentExpiredMessage:
    "Ha estado abierta demasiado tiempo. Vuelve a la app de Alexa y empieza la vinculación de nuevo.",
  consentDecidedTitle: "Esta solicitud ya tiene respuesta",
  consentDecidedMessage: "Otra persona ha respondido con otra cuenta. Empieza de nuevo en la app de Alexa.",
  formForgedTitle: "No podemos aceptar este formulario",
  formForgedMessage:
    "Se abrió en otro navegador, o tu navegador bloquea las cookies. Permite las cookies de este sitio y empieza de nuevo.",
  decisionMissingTitle: "Aún no has elegido",
  decisionMissingMessage: "Vuelve atrás y elige uno de los botones.",
  wrongMethodTitle: "Esta dirección no se puede usar así",
  wrongMethodMessage: "Ábrela en un navegador.",
  swappedUrlsMessage:
    "Esta es la URL de autorización. Las solicitudes de tokens van a /token. Parece que las dos URL están intercambiadas en la configuración de la skill.",
  authorizeRefusedTitle: "Este enlace no funciona",
  authorizeRefusedHint: "Empieza de nuevo en la app de Alexa. Si vuelve a ocurrir, indica el ID del error a soporte.",
  authorizeRefusedVendorHint:
    "Parece una dirección de Amazon. El operador de este servicio tiene que registrar el vendor ID de la skill.",
  authorizeRefused: {
    query_too_long: "La solicitud es demasiado larga.",
    parameter_repeated: "La solicitud contiene el mismo parámetro dos veces.",
    client_missing: "La solicitud no dice para qué skill es (falta client_id).",
    client_unknown: "No conocemos esta skill (client_id desconocido).",
    redirect_uri_missing: "La solicitud no dice adónde volver (falta redirect_uri).",
    redirect_uri_unregistered: "La dirección de vuelta no está registrada para esta skill (redirect_uri).",
    state_too_long: "El parámetro state de la solicitud es demasiado largo.",
    state_not_printable: "El parámetro state de la solicitud contiene caracteres no permitidos.",
  },

  remediesTitle: "¿Sigues sin poder vincular?",
  remedies: [
    "Actualiza la app de Alexa en tu teléfono y empieza de nuevo desde la página de la skill.",
    "O vincula en un ordenador: abre alexa.amazon.com en un navegador y activa allí la skill.",
    "Permite las ventanas emergentes en esta página y desactiva las extensiones que modifican enlaces.",
  ],

  consentTitleAlexa: (skill) => `Vincular ${skill} con Alexa`,
  consentTitleApp: (app) => `Permitir que ${app} use tu cuenta`,
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
    "Este enlace es de una skill que no existe. Empieza de nuevo en nuestra app o en nuestro sitio web.",
  linkBadAddressMessage: "Esta dirección está incompleta o contiene algo dos veces. Vuelve atrás y empieza de nuevo.",
  linkReturnToMessage: "La dirección de vuelta no está registrada para esta skill (return_to).",
  linkNotOfferedMessage: "Esta skill solo se puede vincular desde la app de Alexa. Ábrela allí y actívala.",
  linkElsewhereTitle: "Termina donde empezaste",
  linkElsewhereMessage:
    "Empezaste a vincular en otro navegador o con otra cuenta. Aquí no se ha vinculado nada. Si no fuiste tú, cierra esta página.",
  linkWaitingTitle: "Vinculando con Alexa…",
  linkWaitingMessage: "Amazon está conectando tu cuenta. Tarda unos segundos. La página continúa automáticamente.",
  linkedTitle: "Vinculado con Alexa",
  linkedMessage: "Tu cuenta está vinculada. Ya puedes usarla con Alexa.",
  linkCancelledTitle: "No vinculado",
  linkCancelledMessage: "Has cancelado. No se ha vinculado ni cambiado nada.",
  linkFailedTitle: "La vinculación no ha funcionado",
  linkFailedMessage: "No se ha vinculado nada. Empieza de nuevo.",
  linkExpiredMessage: "Esta solicitud de vinculación ha caducado o ya ha terminado. Empieza de nuevo.",
  linkFailedReasons: {
    amazon_code_rejected:
      "Amazon no ha aceptado la confirmación, a menudo porque ha tardado demasiado. Empieza de nuevo.",
    amazon_unavailable: "Ahora no podemos conectar con Amazon. Inténtalo de nuevo en unos minutos.",
    enablement_unavailable: "Ahora no podemos conectar con Alexa. Inténtalo de nuevo en unos minutos.",
    enablement_forbidden: "Alexa no permite esta skill para tu cuenta de Amazon.",
    enablement_rejected:
      "Alexa no ha podido vincular la skill. Si ya está activada en la app de Alexa, desactívala allí y empieza de nuevo.",
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
    `Ahora no es posible iniciar sesión con ${provider}. No se ha perdido nada. Inténtalo de nuevo.`,
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

  passwordRule: "Al menos 10 caracteres. Puedes usar cualquiera.",
  passwordTooShort: "La contraseña debe tener al menos 10 caracteres.",
  passwordTooLong: "La contraseña es demasiado larga.",

  formExpiredTitle: "Esta página ha estado abierta demasiado tiempo",
  formExpiredMessage:
    "Por tu seguridad, funciona durante una hora. Empieza de nuevo en la app de Alexa o en nuestra app.",
  formBrokenTitle: "Algo ha fallado al enviar este formulario",
  formBrokenMessage: "Vuelve atrás, recarga la página e inténtalo de nuevo.",

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
  unlinkMessageApp: (app) => `${app} no podrá acceder a tu cuenta hasta que lo permitas de nuevo.`,
  unlinkPending: "Desvinculado. Amazon aún no ha respondido. La skill se desactivará allí en cuanto responda.",
  unlinked: "Desvinculado.",
  alreadyUnlinked: "Ya estaba desvinculado.",
  changePassword: "Cambiar contraseña",
  currentPassword: "Contraseña actual",
  newPassword: "Contraseña nueva",
  currentPasswordWrong: "La contraseña actual no es correcta.",
  changePasswordHint:
    "Se cerrará la sesión en todos los demás dispositivos. Los asistentes vinculados siguen funcionando.",
  passwordChanged:
    "Has cambiado la contraseña y se ha cerrado la sesión en los demás dispositivos. Los asistentes vinculados siguen funcionando. Desvincula abajo los que no reconozcas.",
  signOut: "Cerrar sesión",
  accountData: "Descargar una copia de tus datos",
  signOutEverywhere: "Cerrar sesión en todas partes",
  signOutEverywhereHint: "Cierra la sesión en todos los dispositivos. Los asistentes vinculados siguen funcionando.",
};
