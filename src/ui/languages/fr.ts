// French texts.
import type { Messages } from "./en.ts";

export const fr: Messages = {
  privacy: "Confidentialité",
  terms: "Conditions",
  support: "Aide",
  errorId: "Identifiant d’erreur",
  cancel: "Annuler",

  notFoundTitle: "Page introuvable",
  notFoundMessage:
    "Il n’y a pas de page à cette adresse. Retournez dans l’appli Alexa ou dans notre appli et recommencez.",
  errorTitle: "Un problème est survenu",
  errorMessage: "Le problème vient de notre côté. Veuillez réessayer.",
  unavailableTitle: "Indisponible pour le moment",
  unavailableMessage: "Rien n’est perdu. Patientez quelques secondes et réessayez.",
  consentExpiredTitle: "Cette page a expiré",
  consentExpiredMessage:
    "Elle est restée ouverte trop longtemps. Retournez dans l’appli Alexa et recommencez l’association.",
  consentDecidedTitle: "Cette demande a déjà reçu une réponse",
  consentDecidedMessage: "Quelqu’un y a répondu avec un autre compte. Recommencez dans l’appli Alexa.",
  formForgedTitle: "Nous ne pouvons pas accepter ce formulaire",
  formForgedMessage:
    "Il a été ouvert dans un autre navigateur, ou votre navigateur bloque les cookies. Autorisez les cookies de ce site et recommencez.",
  decisionMissingTitle: "Vous n’avez pas encore choisi",
  decisionMissingMessage: "Revenez en arrière et choisissez l’un des boutons.",
  wrongMethodTitle: "Cette adresse ne s’utilise pas ainsi",
  wrongMethodMessage: "Ouvrez-la dans un navigateur.",
  swappedUrlsMessage:
    "Ceci est l’URL d’autorisation. Les demandes de jetons vont à /token. Les deux URL semblent inversées dans les réglages de la skill.",
  authorizeRefusedTitle: "Ce lien ne fonctionne pas",
  authorizeRefusedHint:
    "Recommencez dans l’appli Alexa. Si cela se reproduit, donnez l’identifiant d’erreur à l’assistance.",
  authorizeRefusedVendorHint:
    "Cette adresse semble être celle d’Amazon. L’exploitant de ce service doit enregistrer le vendor ID de la skill.",
  authorizeRefused: {
    query_too_long: "La demande est trop longue.",
    parameter_repeated: "La demande contient deux fois le même paramètre.",
    client_missing: "La demande n’indique pas de quelle skill il s’agit (client_id manque).",
    client_unknown: "Nous ne connaissons pas cette skill (client_id inconnu).",
    redirect_uri_missing: "La demande n’indique pas où revenir (redirect_uri manque).",
    redirect_uri_unregistered: "L’adresse de retour n’est pas enregistrée pour cette skill (redirect_uri).",
    state_too_long: "Le paramètre state de la demande est trop long.",
    state_not_printable: "Le paramètre state de la demande contient des caractères interdits.",
  },

  remediesTitle: "Vous n’arrivez toujours pas à associer la skill ?",
  remedies: [
    "Mettez à jour l’appli Alexa sur votre téléphone, puis recommencez depuis la page de la skill.",
    "Ou associez sur un ordinateur : ouvrez alexa.amazon.com dans un navigateur et activez-y la skill.",
    "Désactivez les extensions de navigateur qui réécrivent les liens.",
  ],

  consentTitleAlexa: (skill) => `Associer ${skill} à Alexa`,
  consentTitleApp: (app) => `Autoriser ${app} à utiliser votre compte`,
  consentLeadAlexa: (brand) => `Amazon Alexa demande l’autorisation d’utiliser votre compte ${brand}.`,
  consentLeadApp: (app, brand) => `${app} demande l’autorisation d’utiliser votre compte ${brand}.`,
  consentAccount: (brand) => `Connecté à ${brand} en tant que`,
  consentAccountUnnamed: (brand) => `Votre compte ${brand}`,
  consentSwitch: "Ce n’est pas vous ?",
  consentScopesAlexa: "Alexa pourra :",
  consentScopesApp: (app) => `${app} pourra :`,
  consentAllowAlexa: "Autoriser et associer",
  consentAllowAlexaApp: "Associer dans l’appli Alexa",
  consentAllowApp: "Autoriser",
  consentDeny: "Annuler",
  consentRevocable: "Vous pouvez annuler à tout moment, ici ou dans l’appli Alexa.",
  scopeLinks: "Associer votre compte à Alexa et l’en dissocier",
  scopeProfile: "Voir votre nom",
  scopeEmail: "Voir votre adresse e-mail",

  linkSkillUnknownTitle: "Nous ne connaissons pas cette skill",
  linkSkillUnknownMessage:
    "Ce lien concerne une skill qui n’existe pas. Recommencez dans notre appli ou sur notre site.",
  linkBadAddressMessage:
    "Cette adresse est incomplète ou contient deux fois la même chose. Revenez en arrière et recommencez.",
  linkReturnToMessage: "L’adresse de retour n’est pas enregistrée pour cette skill (return_to).",
  linkNotOfferedMessage:
    "Vous ne pouvez associer cette skill que dans l’appli Alexa. Ouvrez-la dans l’appli et activez-la.",
  linkElsewhereTitle: "Terminez là où vous avez commencé",
  linkElsewhereMessage:
    "Vous avez commencé l’association dans un autre navigateur ou avec un autre compte. Rien n’a été associé ici. Si ce n’était pas vous, fermez cette page.",
  linkElsewhereHint:
    "Les téléphones reviennent parfois dans un autre navigateur que celui que vous utilisiez. Pour associer votre compte ici, recommencez.",
  linkWaitingTitle: "Association avec Alexa…",
  linkWaitingMessage: "Amazon connecte votre compte. Cela prend quelques secondes. La page continue automatiquement.",
  linkedTitle: "Associé à Alexa",
  linkedMessage: "Votre compte est associé. Vous pouvez maintenant l’utiliser avec Alexa.",
  linkCancelledTitle: "Non associé",
  linkCancelledMessage: "Vous avez annulé. Rien n’a été associé ni modifié.",
  linkFailedTitle: "L’association n’a pas fonctionné",
  linkFailedMessage: "Rien n’a été associé. Veuillez recommencer.",
  linkExpiredMessage: "Cette demande d’association a expiré ou est déjà terminée. Veuillez recommencer.",
  linkFailedReasons: {
    amazon_code_rejected:
      "Amazon n’a pas accepté la confirmation, souvent parce que cela a pris trop de temps. Veuillez recommencer.",
    amazon_unavailable: "Nous ne parvenons pas à joindre Amazon pour le moment. Réessayez dans quelques minutes.",
    enablement_unavailable: "Nous ne parvenons pas à joindre Alexa pour le moment. Réessayez dans quelques minutes.",
    enablement_forbidden: "Alexa n’autorise pas cette skill pour votre compte Amazon.",
    enablement_rejected:
      "Alexa n’a pas pu associer la skill. Si elle est déjà activée dans l’appli Alexa, désactivez-la et recommencez.",
  },
  startAgain: "Recommencer",
  closePage: "Vous pouvez maintenant fermer cette page.",
  openAppTitle: "Retournez dans l’appli",
  openAppMessage: "Touchez le bouton pour continuer. Vous pourrez ensuite fermer cette page.",
  openApp: "Ouvrir l’appli",

  signInTitle: (brand) => `Se connecter à ${brand}`,
  signInTitleLinking: (brand, skill) => `Connectez-vous à ${brand} pour associer ${skill}`,
  signInTitleLinkingBrand: (brand) => `Connectez-vous pour associer ${brand}`,
  signInLead: (brand) => `Utilisez votre compte ${brand}.`,
  signInLeadLinking: (brand) => `Utilisez ici votre compte ${brand}, et non votre compte Amazon.`,
  signInLeadAmazon: (brand) => `${brand} utilise votre compte Amazon pour vous connecter.`,
  signInOtherAmazon: "Pour utiliser un autre compte Amazon, déconnectez-vous d’abord sur amazon.com.",
  signInCancelled: (provider) => `La connexion avec ${provider} a été annulée.`,
  providerMisconfigured: (provider, code) =>
    `La connexion avec ${provider} n’est pas configurée correctement (${code}). Réessayer ne servira à rien. Veuillez contacter l’assistance de ${provider}.`,
  providerUnavailable: (provider) =>
    `La connexion avec ${provider} n’est pas possible pour le moment. Rien n’est perdu. Veuillez réessayer.`,
  providerRefused: (provider) => `La connexion avec ${provider} n’a pas fonctionné. Veuillez réessayer.`,
  email: "E-mail",
  password: "Mot de passe",
  signInButton: "Se connecter",
  signInWith: (provider) => `Continuer avec ${provider}`,
  or: "ou",
  forgotPassword: "Mot de passe oublié ?",
  noAccountYet: "Créer un compte",
  signInWrong: "E-mail ou mot de passe incorrect.",
  signInIncomplete: "Veuillez saisir votre adresse e-mail et votre mot de passe.",
  signInThrottled: (wait) => `Trop de tentatives. Patientez ${wait} et réessayez.`,
  signedOut: "Vous êtes déconnecté.",

  passwordRule: "Au moins 10 caractères. Tous les caractères sont acceptés.",
  passwordTooShort: "Le mot de passe doit comporter au moins 10 caractères.",
  passwordTooLong: "Le mot de passe est trop long.",

  formExpiredTitle: "Cette page est restée ouverte trop longtemps",
  formExpiredMessage:
    "Pour votre sécurité, elle fonctionne pendant une heure. Recommencez dans l’appli Alexa ou dans notre appli.",
  formBrokenTitle: "Un problème est survenu lors de l’envoi du formulaire",
  formBrokenMessage: "Revenez en arrière, rechargez la page et réessayez.",

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
    `Alexa n’aura plus accès à votre compte via ${skill}. Vous pourrez l’associer de nouveau à tout moment.`,
  unlinkTitleApp: (app) => `Retirer l’accès de ${app} ?`,
  unlinkMessageApp: (app) => `${app} n’aura plus accès à votre compte tant que vous ne l’autoriserez pas de nouveau.`,
  unlinkPending: "Dissocié. Amazon n’a pas encore répondu. La skill y sera désactivée dès sa réponse.",
  unlinked: "Dissocié.",
  alreadyUnlinked: "C’était déjà dissocié.",
  changePassword: "Changer le mot de passe",
  currentPassword: "Mot de passe actuel",
  newPassword: "Nouveau mot de passe",
  currentPasswordWrong: "Le mot de passe actuel est incorrect.",
  changePasswordHint:
    "Vous serez déconnecté de tous vos autres appareils et de nos applications. Les assistants associés continuent de fonctionner.",
  passwordChanged:
    "Votre mot de passe a été modifié et vous avez été déconnecté de tous vos autres appareils. Les assistants associés continuent de fonctionner. Dissociez ci-dessous ceux que vous ne reconnaissez pas.",
  signOut: "Se déconnecter",
  accountData: "Télécharger une copie de vos données",
  signOutEverywhere: "Se déconnecter partout",
  signOutEverywhereHint:
    "Vous déconnecte de tous les appareils et de nos applications. Les assistants associés continuent de fonctionner.",
};
