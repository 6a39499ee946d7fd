// Pages of Amazon that several checks name as their source.

export const REQUIREMENTS = "Amazon, Requirements for Account Linking";
export const CODE_GRANT = "Amazon, Configure an Authorization Code Grant";
export const FAQ = "Amazon, Account Linking FAQ";
