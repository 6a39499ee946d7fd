// Italian texts.
import type { Messages } from "../messages.ts";

export const it: Messages = {
  privacy: "Privacy",
  terms: "Condizioni",
  support: "Aiuto",
  errorId: "Numero dell’errore",
  back: "Indietro",
  cancel: "Annulla",

  notFoundTitle: "Qui non c’è nulla",
  notFoundMessage: "Questo indirizzo non porta da nessuna parte. Ricomincia dall’app Alexa o dalla nostra app.",
  errorTitle: "Qualcosa è andato storto",
  errorMessage: "L’errore è nostro, non tuo. Riprova.",
  unavailableTitle: "Al momento non disponibile",
  unavailableMessage: "Attendi qualche secondo e riprova. Nulla è andato perso.",
  consentExpiredTitle: "Questa pagina è scaduta",
  consentExpiredMessage: "È rimasta aperta troppo a lungo. Torna nell’app Alexa e ricomincia il collegamento.",
  consentDecidedTitle: "Già deciso",
  consentDecidedMessage:
    "Qualcun altro ha risposto a questa richiesta con un altro account. Ricomincia nell’app Alexa.",
  formForgedTitle: "Questo modulo non è utilizzabile",
  formForgedMessage:
    "Non è stato aperto in questo browser, oppure i cookie sono bloccati. Ricomincia e consenti i cookie di questo sito.",
  decisionMissingTitle: "Nessuna decisione ricevuta",
  decisionMissingMessage: "Torna indietro e scegli uno dei pulsanti.",
  wrongMethodTitle: "Tipo di richiesta errato",
  wrongMethodMessage: "Questo indirizzo si apre in un browser.",
  swappedUrlsMessage:
    "Questo è l’URL di autorizzazione. Le richieste di token vanno a /token: i due URL sembrano scambiati nelle impostazioni della skill.",
  authorizeRefusedTitle: "Questo link non è utilizzabile",
  authorizeRefusedHint:
    "Ricomincia nell’app Alexa. Se succede di nuovo, comunica all’assistenza il numero dell’errore.",
  authorizeRefusedVendorHint:
    "L’indirizzo sembra di Amazon: il gestore di questo servizio deve registrare il vendor id della skill.",
  authorizeRefused: {
    query_too_long: "La richiesta è troppo lunga.",
    parameter_repeated: "La richiesta indica qualcosa due volte.",
    client_missing: "La richiesta non dice per quale skill è (manca client_id).",
    client_unknown: "La skill non è conosciuta qui (client_id sconosciuto).",
    redirect_uri_missing: "La richiesta non dice dove tornare (manca redirect_uri).",
    redirect_uri_unregistered: "L’indirizzo di ritorno non è registrato per questa skill (redirect_uri).",
    state_too_long: "La richiesta porta uno stato troppo lungo (state).",
    state_not_printable: "La richiesta porta caratteri non consentiti (state).",
  },

  remediesTitle: "Il collegamento non riesce ancora?",
  remedies: [
    "Aggiorna l’app Alexa sul telefono, poi ricomincia dalla pagina della skill.",
    "Oppure collega da un computer: apri alexa.amazon.com in un browser e attiva lì la skill.",
    "Consenti i pop-up per questa pagina e disattiva le estensioni che riscrivono i link.",
  ],

  consentTitleAlexa: (skill) => `Collega ${skill} ad Alexa`,
  consentTitleApp: (app) => `Consenti a ${app} di usare il tuo account`,
  consentLeadAlexa: (brand) => `Amazon Alexa chiede il permesso di usare il tuo account ${brand}.`,
  consentLeadApp: (app, brand) => `${app} chiede il permesso di usare il tuo account ${brand}.`,
  consentAccount: (brand) => `Accesso a ${brand} effettuato come`,
  consentSwitch: "Non sei tu?",
  consentScopesAlexa: "Alexa potrà:",
  consentScopesApp: (app) => `${app} potrà:`,
  consentAllowAlexa: "Consenti e collega",
  consentAllowApp: "Consenti",
  consentDeny: "Annulla",
  consentRevocable: "Puoi annullare in qualsiasi momento, qui o nell’app Alexa.",
  scopeLinks: "Collegare il tuo account ad Alexa e scollegarlo",

  linkSkillUnknownTitle: "Questa skill non è conosciuta qui",
  linkSkillUnknownMessage: "Il link porta a una skill che non esiste. Ricomincia nella nostra app o sul nostro sito.",
  linkBadAddressMessage: "L’indirizzo è incompleto o indica qualcosa due volte. Ricomincia da dove sei venuto.",
  linkReturnToMessage: "L’indirizzo di ritorno non è registrato per questa skill (return_to).",
  linkNotOfferedMessage: "Questa skill si collega solo dall’app Alexa. Aprila lì e attivala.",
  linkElsewhereTitle: "Finisci dove hai iniziato",
  linkElsewhereMessage:
    "Questo collegamento è stato iniziato in un altro browser o con un altro account. Qui non è stato collegato nulla. Se non l’hai iniziato tu, chiudi questa pagina.",
  linkWaitingTitle: "Collegamento ad Alexa…",
  linkWaitingMessage: "Amazon sta collegando il tuo account. Bastano pochi secondi; la pagina prosegue da sola.",
  linkedTitle: "Collegato ad Alexa",
  linkedMessage: "Il tuo account è collegato. Ora puoi usarlo con Alexa.",
  linkCancelledTitle: "Non collegato",
  linkCancelledMessage: "Hai annullato. Non è stato collegato né cambiato nulla.",
  linkFailedTitle: "Il collegamento non è riuscito",
  linkFailedMessage: "Non è stato collegato nulla. Ricomincia.",
  linkExpiredMessage: "Questo collegamento è scaduto o era già terminato. Ricomincia.",
  linkFailedReasons: {
    amazon_code_rejected: "Amazon non ha accettato la conferma, spesso perché è passato troppo tempo. Ricomincia.",
    amazon_unavailable: "Al momento Amazon non è raggiungibile. Riprova tra qualche minuto.",
    enablement_unavailable: "Al momento Alexa non è raggiungibile. Riprova tra qualche minuto.",
    enablement_forbidden: "Alexa non consente questa skill per il tuo account Amazon.",
    enablement_rejected:
      "Alexa non ha potuto collegare la skill. Se è già attiva nell’app Alexa, disattivala lì e ricomincia.",
  },
  startAgain: "Ricomincia",
  closePage: "Ora puoi chiudere questa pagina.",

  signInTitle: (brand) => `Accedi a ${brand}`,
  signInTitleLinking: (brand, skill) =>
    brand === skill ? `Accedi per collegare ${skill}` : `Accedi a ${brand} per collegare ${skill}`,
  signInLead: (brand) => `Usa il tuo account ${brand}.`,
  signInLeadLinking: (brand) => `Usa qui il tuo account ${brand}, non il tuo account Amazon.`,
  signInLeadAmazon: (brand) => `${brand} usa il tuo account Amazon per farti accedere.`,
  signInCancelled: (provider) => `L’accesso con ${provider} è stato annullato.`,
  providerUnavailable: (provider) =>
    `L’accesso con ${provider} al momento non risponde. Nulla è andato perso: riprova.`,
  providerRefused: (provider) => `L’accesso con ${provider} non è riuscito. Riprova.`,
  email: "E-mail",
  password: "Password",
  signInButton: "Accedi",
  signInWith: (provider) => `Continua con ${provider}`,
  or: "oppure",
  forgotPassword: "Password dimenticata?",
  noAccountYet: "Crea un account",
  signInWrong: "E-mail o password errata.",
  signInIncomplete: "Inserisci il tuo indirizzo e-mail e la password.",
  signInThrottled: (seconds) =>
    seconds < 90
      ? `Troppi tentativi. Attendi ${seconds} ${seconds === 1 ? "secondo" : "secondi"} e riprova.`
      : `Troppi tentativi. Attendi ${Math.ceil(seconds / 60)} minuti e riprova.`,
  signedOut: "Sei uscito dall’account.",

  passwordRule: "Almeno 10 caratteri, di qualsiasi tipo.",
  passwordTooShort: "La password deve avere almeno 10 caratteri.",
  passwordTooLong: "La password è troppo lunga.",

  formExpiredTitle: "Questa pagina è rimasta aperta troppo a lungo",
  formExpiredMessage: "Per la tua sicurezza vale un’ora. Ricomincia dall’app Alexa o dalla nostra app.",
  formBrokenTitle: "Questo modulo non è arrivato intero",
  formBrokenMessage: "Torna indietro, ricarica la pagina e ripeti l’operazione.",

  accountTitle: "Il tuo account",
  accountLinked: "Assistenti collegati",
  accountApps: "App che possono usare il tuo account",
  accountNothingLinked:
    "Nessun assistente è collegato a questo account. Per collegarne uno, attiva la skill nell’app Alexa.",
  accountLinkedOn: "Collegato il",
  accountLastUsed: "Ultimo uso",
  accountFlow: "Iniziato in",
  accountFlows: {
    alexa_app: "app Alexa",
    app_to_app: "la nostra app",
    website: "il nostro sito",
    app_authorize: "app Alexa, approvato nella nostra app",
    oauth: "l’app stessa",
  },
  accountLevel: "Chi può usarlo",
  accountLevels: { person: "Solo la tua voce", account: "Tutti quelli che usano questi dispositivi" },
  unlink: "Scollega",
  unlinkTitle: (skill) => `Scollegare ${skill}?`,
  unlinkMessage: (skill) =>
    `Alexa non potrà più accedere al tuo account tramite ${skill}. Puoi ricollegarlo in qualsiasi momento.`,
  unlinkTitleApp: (app) => `Togliere l’accesso a ${app}?`,
  unlinkMessageApp: (app) => `${app} non potrà più accedere al tuo account finché non lo consentirai di nuovo.`,
  unlinkPending: "Scollegato. Amazon non ha ancora risposto; la skill vi sarà disattivata appena risponderà.",
  unlinked: "Scollegato.",
  alreadyUnlinked: "Questo collegamento non esiste più.",
  changePassword: "Cambia password",
  currentPassword: "Password attuale",
  newPassword: "Nuova password",
  currentPasswordWrong: "La password attuale è errata.",
  changePasswordHint:
    "Uscirai dall’account su tutti gli altri dispositivi. Gli assistenti collegati continuano a funzionare.",
  passwordChanged:
    "La password è cambiata e gli altri dispositivi sono usciti dall’account. Gli assistenti collegati continuano a funzionare: scollega qui sotto quelli che non conosci.",
  signOut: "Esci",
  accountData: "Scarica una copia dei tuoi dati",
  signOutEverywhere: "Esci da tutti i dispositivi",
  signOutEverywhereHint: "Termina ogni accesso su ogni dispositivo. Gli assistenti collegati continuano a funzionare.",
};
