// French texts.
import type { Messages } from "../messages.ts";

export const fr: Messages = {
  privacy: "Confidentialité",
  terms: "Conditions",
  support: "Aide",
  errorId: "Numéro d’erreur",
  back: "Retour",
  cancel: "Annuler",

  notFoundTitle: "Il n’y a rien ici",
  notFoundMessage: "Cette adresse ne mène nulle part. Recommencez depuis l’appli Alexa ou depuis notre appli.",
  errorTitle: "Un problème est survenu",
  errorMessage: "L’erreur vient de nous, pas de vous. Veuillez réessayer.",
  unavailableTitle: "Indisponible pour le moment",
  unavailableMessage: "Patientez quelques secondes et réessayez. Rien n’est perdu.",
  consentExpiredTitle: "Cette page a expiré",
  consentExpiredMessage:
    "Elle est restée ouverte trop longtemps. Retournez dans l’appli Alexa et recommencez l’association.",
  consentDecidedTitle: "Déjà décidé",
  consentDecidedMessage:
    "Une autre personne a répondu à cette demande avec un autre compte. Recommencez dans l’appli Alexa.",
  formForgedTitle: "Ce formulaire n’est pas utilisable",
  formForgedMessage:
    "Il n’a pas été ouvert dans ce navigateur, ou les cookies sont bloqués. Recommencez et autorisez les cookies de ce site.",
  decisionMissingTitle: "Aucune décision reçue",
  decisionMissingMessage: "Revenez en arrière et choisissez l’un des boutons.",
  wrongMethodTitle: "Mauvais type de requête",
  wrongMethodMessage: "Cette adresse s’ouvre dans un navigateur.",
  swappedUrlsMessage:
    "Ceci est l’URL d’autorisation. Les demandes de jetons vont à /token : les deux URL semblent inversées dans les réglages de la skill.",
  authorizeRefusedTitle: "Ce lien n’est pas utilisable",
  authorizeRefusedHint:
    "Recommencez dans l’appli Alexa. Si cela se reproduit, donnez le numéro d’erreur à l’assistance.",
  authorizeRefusedVendorHint:
    "L’adresse ressemble à celles d’Amazon : l’exploitant de ce service doit enregistrer le vendor id de la skill.",
  authorizeRefused: {
    query_too_long: "La demande est trop longue.",
    parameter_repeated: "La demande indique quelque chose deux fois.",
    client_missing: "La demande ne dit pas pour quelle skill elle est faite (client_id manque).",
    client_unknown: "La skill n’est pas connue ici (client_id inconnu).",
    redirect_uri_missing: "La demande ne dit pas où revenir (redirect_uri manque).",
    redirect_uri_unregistered: "L’adresse de retour n’est pas enregistrée pour cette skill (redirect_uri).",
    state_too_long: "La demande contient un état trop long (state).",
    state_not_printable: "La demande contient des caractères interdits (state).",
  },

  remediesTitle: "L’association échoue toujours ?",
  remedies: [
    "Mettez à jour l’appli Alexa sur votre téléphone, puis recommencez depuis la page de la skill.",
    "Ou associez sur un ordinateur : ouvrez alexa.amazon.com dans un navigateur et activez-y la skill.",
    "Autorisez les fenêtres pop-up pour cette page et désactivez les extensions qui réécrivent les liens.",
  ],

  consentTitleAlexa: (skill) => `Associer ${skill} à Alexa`,
  consentTitleApp: (app) => `Autoriser ${app} à utiliser votre compte`,
  consentLeadAlexa: (brand) => `Amazon Alexa demande l’autorisation d’utiliser votre compte ${brand}.`,
  consentLeadApp: (app, brand) => `${app} demande l’autorisation d’utiliser votre compte ${brand}.`,
  consentAccount: (brand) => `Connecté à ${brand} en tant que`,
  consentSwitch: "Ce n’est pas vous ?",
  consentScopesAlexa: "Alexa pourra :",
  consentScopesApp: (app) => `${app} pourra :`,
  consentAllowAlexa: "Autoriser et associer",
  consentAllowApp: "Autoriser",
  consentDeny: "Annuler",
  consentRevocable: "Vous pouvez revenir en arrière à tout moment, ici ou dans l’appli Alexa.",
  scopeLinks: "Associer votre compte à Alexa et l’en dissocier",

  linkSkillUnknownTitle: "Cette skill n’est pas connue ici",
  linkSkillUnknownMessage: "Le lien mène à une skill qui n’existe pas. Recommencez dans notre appli ou sur notre site.",
  linkBadAddressMessage: "L’adresse est incomplète ou indique quelque chose deux fois. Recommencez d’où vous venez.",
  linkReturnToMessage: "L’adresse de retour n’est pas enregistrée pour cette skill (return_to).",
  linkNotOfferedMessage: "Cette skill ne s’associe que depuis l’appli Alexa. Ouvrez-la là-bas et activez-la.",
  linkElsewhereTitle: "Terminez là où vous avez commencé",
  linkElsewhereMessage:
    "Cette association a été commencée dans un autre navigateur ou avec un autre compte. Rien n’a été associé ici. Si ce n’est pas vous qui l’avez commencée, fermez cette page.",
  linkWaitingTitle: "Association avec Alexa…",
  linkWaitingMessage: "Amazon connecte votre compte. Cela prend quelques secondes ; la page continue toute seule.",
  linkedTitle: "Associé à Alexa",
  linkedMessage: "Votre compte est associé. Vous pouvez maintenant l’utiliser avec Alexa.",
  linkCancelledTitle: "Non associé",
  linkCancelledMessage: "Vous avez annulé. Rien n’a été associé ni modifié.",
  linkFailedTitle: "L’association n’a pas fonctionné",
  linkFailedMessage: "Rien n’a été associé. Veuillez recommencer.",
  linkExpiredMessage: "Cette association a expiré ou était déjà terminée. Veuillez recommencer.",
  linkFailedReasons: {
    amazon_code_rejected:
      "Amazon n’a pas accepté la confirmation, souvent parce qu’elle a pris trop de temps. Veuillez recommencer.",
    amazon_unavailable: "Amazon est injoignable pour le moment. Réessayez dans quelques minutes.",
    enablement_unavailable: "Alexa est injoignable pour le moment. Réessayez dans quelques minutes.",
    enablement_forbidden: "Alexa n’autorise pas cette skill pour votre compte Amazon.",
    enablement_rejected:
      "Alexa n’a pas pu associer la skill. Si elle est déjà activée dans l’appli Alexa, désactivez-la et recommencez.",
  },
  startAgain: "Recommencer",
  closePage: "Vous pouvez maintenant fermer cette page.",

  signInTitle: (brand) => `Se connecter à ${brand}`,
  signInTitleLinking: (brand, skill) =>
    brand === skill ? `Connectez-vous pour associer ${skill}` : `Connectez-vous à ${brand} pour associer ${skill}`,
  signInLead: (brand) => `Utilisez votre compte ${brand}.`,
  signInLeadLinking: (brand) => `Utilisez ici votre compte ${brand}, et non votre compte Amazon.`,
  signInLeadAmazon: (brand) => `${brand} utilise votre compte Amazon pour vous connecter.`,
  signInCancelled: (provider) => `La connexion avec ${provider} a été annulée.`,
  providerUnavailable: (provider) =>
    `La connexion avec ${provider} ne répond pas pour le moment. Rien n’est perdu : veuillez réessayer.`,
  providerRefused: (provider) => `La connexion avec ${provider} n’a pas fonctionné. Veuillez réessayer.`,
  email: "E-mail",
  password: "Mot de passe",
  signInButton: "Se connecter",
  signInWith: (provider) => `Continuer avec ${provider}`,
  or: "ou",
  forgotPassword: "Mot de passe oublié ?",
  noAccountYet: "Créer un compte",
  signInWrong: "L’e-mail ou le mot de passe est incorrect.",
  signInIncomplete: "Veuillez saisir votre adresse e-mail et votre mot de passe.",
  signInThrottled: (seconds) =>
    seconds < 90
      ? `Trop de tentatives. Patientez ${seconds} ${seconds === 1 ? "seconde" : "secondes"} et réessayez.`
      : `Trop de tentatives. Patientez ${Math.ceil(seconds / 60)} minutes et réessayez.`,
  signedOut: "Vous êtes déconnecté.",

  passwordRule: "Au moins 10 caractères, de toute sorte.",
  passwordTooShort: "Le mot de passe doit avoir au moins 10 caractères.",
  passwordTooLong: "Le mot de passe est trop long.",

  formExpiredTitle: "Cette page est restée ouverte trop longtemps",
  formExpiredMessage:
    "Pour votre sécurité, elle vaut une heure. Recommencez depuis l’appli Alexa ou depuis notre appli.",
  formBrokenTitle: "Ce formulaire est arrivé incomplet",
  formBrokenMessage: "Revenez en arrière, rechargez la page et recommencez.",

  accountTitle: "Votre compte",
  accountLinked: "Assistants associés",
  accountApps: "Applis autorisées à utiliser votre compte",
  accountNothingLinked:
    "Aucun assistant n’est associé à ce compte. Pour en associer un, activez la skill dans l’appli Alexa.",
  accountLinkedOn: "Associé le",
  accountLastUsed: "Dernière utilisation",
  accountFlow: "Commencé dans",
  accountFlows: {
    alexa_app: "l’appli Alexa",
    app_to_app: "notre appli",
    website: "notre site",
    app_authorize: "l’appli Alexa, approuvé dans notre appli",
    oauth: "l’appli elle-même",
  },
  accountLevel: "Qui peut l’utiliser",
  accountLevels: { person: "Votre voix seulement", account: "Toutes les personnes qui utilisent ces appareils" },
  unlink: "Dissocier",
  unlinkTitle: (skill) => `Dissocier ${skill} ?`,
  unlinkMessage: (skill) =>
    `Alexa n’aura plus accès à votre compte par ${skill}. Vous pourrez l’associer de nouveau à tout moment.`,
  unlinkTitleApp: (app) => `Retirer l’accès de ${app} ?`,
  unlinkMessageApp: (app) => `${app} n’aura plus accès à votre compte tant que vous ne l’autoriserez pas de nouveau.`,
  unlinkPending: "Dissocié. Amazon n’a pas encore répondu ; la skill y sera désactivée dès sa réponse.",
  unlinked: "Dissocié.",
  alreadyUnlinked: "Cette association n’existe plus.",
  changePassword: "Changer le mot de passe",
  currentPassword: "Mot de passe actuel",
  newPassword: "Nouveau mot de passe",
  currentPasswordWrong: "Le mot de passe actuel est incorrect.",
  changePasswordHint:
    "Vous serez déconnecté de tous vos autres appareils. Les assistants associés continuent de fonctionner.",
  passwordChanged:
    "Votre mot de passe est changé et vos autres appareils sont déconnectés. Les assistants associés continuent de fonctionner : dissociez ci-dessous ce que vous ne connaissez pas.",
  signOut: "Se déconnecter",
  accountData: "Télécharger une copie de vos données",
  signOutEverywhere: "Se déconnecter partout",
  signOutEverywhereHint:
    "Met fin à toutes les connexions sur tous les appareils. Les assistants associés continuent de fonctionner.",
};
