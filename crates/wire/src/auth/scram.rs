//! SCRAM (RFC 5802) with SHA-256 (RFC 7677) or SHA-512, without channel binding.
//!
//! Kafka does not normalize passwords (its `ScramFormatter` takes the bytes of the UTF-8 text), and neither does
//! librdkafka, so this client does not either.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kreplay_model::domain::Secret;
use ring::{digest, hmac, pbkdf2};

use super::Step;

/// The fewest iterations that a server may ask for (RFC 7677, and `ScramMechanism` in Kafka). With fewer, an attacker
/// who impersonates the broker could find the password from the proof.
const MIN_ITERATIONS: u32 = 4096;
/// The most iterations that a server may ask for: about a second of computing.
const MAX_ITERATIONS: u32 = 1_000_000;
/// The header of a client without channel binding and without an authorization id, and its base64 form.
const GS2_HEADER: &str = "n,,";
const CHANNEL_BINDING: &str = "biws";

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScramHash {
    Sha256,
    Sha512,
}

impl ScramHash {
    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn pbkdf2(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// One authentication with SCRAM.
pub(crate) struct ScramExchange {
    hash: ScramHash,
    password: Secret,
    client_nonce: String,
    /// The first message without its header.
    client_first_bare: String,
    state: State,
}

enum State {
    /// Nothing has been sent.
    Start,
    /// The first message has been sent.
    ServerFirst,
    /// The proof has been sent. `signed` is what the server signs.
    ServerFinal {
        server_key: hmac::Key,
        signed: String,
    },
    Done,
}

impl ScramExchange {
    pub(super) fn new(hash: ScramHash, username: &str, password: Secret, nonce: &str) -> Self {
        let name = username.replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            password,
            client_nonce: nonce.to_owned(),
            client_first_bare: format!("n={name},r={nonce}"),
            state: State::Start,
        }
    }

    pub(super) fn step(&mut self, received: &[u8]) -> Result<Step, String> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Start => {
                self.state = State::ServerFirst;
                Ok(Step::Send(format!("{GS2_HEADER}{}", self.client_first_bare).into_bytes()))
            }
            State::ServerFirst => {
                let (message, state) = self.prove(text(received)?)?;
                self.state = state;
                Ok(Step::Send(message.into_bytes()))
            }
            State::ServerFinal { server_key, signed } => {
                verify_server(text(received)?, &server_key, &signed)?;
                Ok(Step::Done)
            }
            State::Done => Err("the broker sent a message after the last one".to_owned()),
        }
    }

    /// Answers the server's first message with the proof that the client knows the password.
    fn prove(&self, server_first: &str) -> Result<(String, State), String> {
        let challenge = Challenge::parse(server_first, &self.client_nonce)?;
        let mut salted_password = vec![0; self.hash.digest().output_len()];
        let password = self.password.value().as_bytes();
        pbkdf2::derive(self.hash.pbkdf2(), challenge.iterations, &challenge.salt, password, &mut salted_password);
        let salted_password = hmac::Key::new(self.hash.hmac(), &salted_password);
        let client_key = hmac::sign(&salted_password, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let without_proof = format!("c={CHANNEL_BINDING},r={}", challenge.nonce);
        let signed = format!("{},{server_first},{without_proof}", self.client_first_bare);
        let signature = hmac::sign(&hmac::Key::new(self.hash.hmac(), stored_key.as_ref()), signed.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = hmac::sign(&salted_password, b"Server Key");
        let server_key = hmac::Key::new(self.hash.hmac(), server_key.as_ref());
        Ok((format!("{without_proof},p={}", STANDARD.encode(proof)), State::ServerFinal { server_key, signed }))
    }
}

/// The server's first message.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'a> Challenge<'a> {
    fn parse(message: &'a str, client_nonce: &str) -> Result<Self, String> {
        let mut fields = message.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name));
        let malformed = || "the broker's challenge is malformed".to_owned();
        let nonce = field("r=").ok_or_else(malformed)?;
        let salt = field("s=").and_then(|salt| STANDARD.decode(salt).ok()).ok_or_else(malformed)?;
        let iterations: NonZeroU32 = field("i=").and_then(|count| count.parse().ok()).ok_or_else(malformed)?;
        if nonce.len() <= client_nonce.len() || !nonce.starts_with(client_nonce) {
            return Err("the broker's nonce does not continue that of the client".to_owned());
        }
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&iterations.get()) {
            return Err(format!(
                "the broker asks for {iterations} iterations; {MIN_ITERATIONS} to {MAX_ITERATIONS} are allowed"
            ));
        }
        Ok(Self { nonce, salt, iterations })
    }
}

/// Checks the server's proof that it knows the password.
fn verify_server(server_final: &str, server_key: &hmac::Key, signed: &str) -> Result<(), String> {
    let first = server_final.split(',').next().unwrap_or_default();
    if let Some(error) = first.strip_prefix("e=") {
        return Err(error.to_owned());
    }
    let signature = first.strip_prefix("v=").and_then(|signature| STANDARD.decode(signature).ok());
    let signature = signature.ok_or("the broker's last message is malformed")?;
    hmac::verify(server_key, signed.as_bytes(), &signature)
        .map_err(|_| "the broker has not proved that it knows the password".to_owned())
}

fn text(received: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(received).map_err(|_| "the broker's message is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::SecretFormat;

    use super::*;

    fn exchange(hash: ScramHash, user: &str, password: &str, nonce: &str) -> ScramExchange {
        ScramExchange::new(hash, user, Secret::plain(SecretFormat::Secret, password.into()), nonce)
    }

    fn sent(step: Result<Step, String>) -> String {
        match step.unwrap() {
            Step::Send(message) => String::from_utf8(message).unwrap(),
            Step::Done => panic!("a message is expected"),
        }
    }

    /// RFC 7677, section 3.
    #[test]
    fn the_exchange_with_sha_256_is_that_of_rfc_7677() {
        let mut client = exchange(ScramHash::Sha256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(sent(client.step(b"")), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            sent(client.step(first)),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(matches!(client.step(last).unwrap(), Step::Done));
        assert!(client.step(last).is_err());
    }

    /// The messages of RFC 7677 with SHA-512; proof and signature computed with Python's `hashlib` and `hmac`.
    #[test]
    fn the_exchange_with_sha_512_agrees_with_another_implementation() {
        let mut client = exchange(ScramHash::Sha512, "user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        client.step(b"").unwrap();
        let first = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            sent(client.step(first)).rsplit_once("p=").unwrap().1,
            "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ=="
        );
        assert!(matches!(
            client
                .step(b"v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==")
                .unwrap(),
            Step::Done
        ));
    }

    #[test]
    fn a_server_that_does_not_know_the_password_is_refused() {
        for last in ["v=AAAA", "v=", "v=!", "", "x", "e=invalid-proof"] {
            let mut client = exchange(ScramHash::Sha256, "user", "pencil", "n");
            client.step(b"").unwrap();
            client.step(b"r=nX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096").unwrap();
            assert!(client.step(last.as_bytes()).is_err(), "{last}");
        }
    }

    #[test]
    fn challenges_that_weaken_the_exchange_are_refused() {
        for first in [
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=n,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=nX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095",
            "r=nX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4294967295",
            "r=nX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=nX,s=?,i=4096",
            "m=ext,r=nX,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "",
        ] {
            let mut client = exchange(ScramHash::Sha256, "user", "pencil", "n");
            client.step(b"").unwrap();
            assert!(client.step(first.as_bytes()).is_err(), "{first}");
        }
    }

    #[test]
    fn commas_and_equal_signs_of_a_name_are_escaped() {
        let mut client = exchange(ScramHash::Sha256, "a,b=c", "x", "n");
        assert_eq!(sent(client.step(b"")), "n,,n=a=2Cb=3Dc,r=n");
    }
}
