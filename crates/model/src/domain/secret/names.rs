//! Names whose values are secret: properties, headers, variables, parameters.

/// Substrings of secret names. `-` and `_` in a name count as `.`.
const SECRET_SUBSTRINGS: [&str; 30] = [
    "password",
    "passphrase",
    "passwd",
    "pwd",
    "secret",
    "token",
    "credential",
    "private",
    "jaas",
    "assertion",
    "authorization",
    "cookie",
    "signature",
    "sasl.oauthbearer.config",
    "key.pem",
    "ssl.key",
    "api.key",
    "apikey",
    "access.key",
    "accesskey",
    "account.key",
    "app.key",
    "application.key",
    "auth.key",
    "encryption.key",
    "functions.key",
    "license.key",
    "signing.key",
    "subscription.key",
    "auth.user.info",
];

/// Secret names that are too short to match as substrings.
const SECRET_NAMES: [&str; 4] = ["auth", "key", "pass", "sig"];

/// The ending of secret names such as `DB_PASS`. `BYPASS` is not one.
const SECRET_ENDING: &str = ".pass";

/// Whether values with this name are secret.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.trim().to_lowercase().replace(['-', '_'], ".");
    SECRET_NAMES.contains(&name.as_str())
        || name.ends_with(SECRET_ENDING)
        || SECRET_SUBSTRINGS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_by_name() {
        for secret in [
            "sasl.password",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.jaas.config",
            "SASL.PASSWORD",
            "Authorization",
            "Proxy-Authorization",
            "X-Api-Key",
            "X-Auth-Token",
            "Set-Cookie",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "X-Amz-Signature",
            "sig",
            "DB_PASS",
            "REDIS_PASS",
            "X-Auth-Key",
            "Ocp-Apim-Subscription-Key",
            "subscription-key",
            "X-Functions-Key",
            "DD-APPLICATION-KEY",
            "DD_APP_KEY",
            "AZURE_STORAGE_ACCOUNT_KEY",
            "SharedAccessKey",
            "NEW_RELIC_LICENSE_KEY",
            "WEBHOOK_SIGNING_KEY",
            "ENCRYPTION_KEY",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for open in [
            "sasl.username",
            "security.protocol",
            "ssl.ca.location",
            "fetch.wait.max.ms",
            "Content-Type",
            "PATH",
            "Idempotency-Key",
            "KREPLAY_BYPASS",
            "compass",
            "key.deserializer",
            "sslmode",
        ] {
            assert!(!is_secret(open), "{open}");
        }
    }
}
