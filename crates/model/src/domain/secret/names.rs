//! Names whose values are secret: properties, headers, variables, parameters.

/// Substrings of secret names. `-` and `_` in a name count as `.`.
const SECRET_SUBSTRINGS: [&str; 20] = [
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
    "auth.user.info",
];

/// Secret names that are too short to match as substrings.
const SECRET_NAMES: [&str; 4] = ["auth", "key", "pass", "sig"];

/// Whether values with this name are secret.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    let name = name.trim().to_lowercase().replace(['-', '_'], ".");
    SECRET_NAMES.contains(&name.as_str()) || SECRET_SUBSTRINGS.iter().any(|part| name.contains(part))
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
            "sslmode",
        ] {
            assert!(!is_secret(open), "{open}");
        }
    }
}
