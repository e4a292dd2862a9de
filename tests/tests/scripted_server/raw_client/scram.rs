//! The client's side of SCRAM-SHA-256, as plain as it can be.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO3Iu";

/// The body of SASLInitialResponse.
pub(crate) fn initial_response() -> Vec<u8> {
    let text = format!("n,,n=,r={NONCE}");
    let length = i32::try_from(text.len()).expect("it is short").to_be_bytes();
    [&b"SCRAM-SHA-256\0"[..], &length, text.as_bytes()].concat()
}

/// The body of SASLResponse, and what the server has to send then.
pub(crate) fn response(password: &str, server_first: &str) -> (String, String) {
    let attribute = |name: &str| {
        let value = server_first.split(',').find_map(|attribute| attribute.strip_prefix(name));
        value.unwrap_or_else(|| panic!("no {name} in {server_first}"))
    };
    let salt = BASE64_STANDARD.decode(attribute("s=")).expect("the salt is base64");
    let iterations = attribute("i=").parse().expect("the iteration count is a number");

    let without_proof = format!("c=biws,r={}", attribute("r="));
    let auth_message = format!("n=,r={NONCE},{server_first},{without_proof}");
    let mut salted = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
    let client_key = keyed(&salted, "Client Key");
    let mask = keyed(&Sha256::digest(client_key), &auth_message);
    let proof: Vec<u8> = client_key.iter().zip(mask).map(|(key, mask)| key ^ mask).collect();
    let signature = keyed(&keyed(&salted, "Server Key"), &auth_message);
    (
        format!("{without_proof},p={}", BASE64_STANDARD.encode(proof)),
        format!("v={}", BASE64_STANDARD.encode(signature)),
    )
}

fn keyed(key: &[u8], message: &str) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(message).finalize().into_bytes().into()
}
