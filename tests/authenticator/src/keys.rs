//! Key pairs and their COSE keys.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::{self, SystemRandom},
    rsa::{self, KeySize},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        KeyPair as _, RSA_PKCS1_SHA256,
    },
};
use serde_cbor_2::Value as Cbor;

use crate::{Algorithm, Refusal};

/// Where the modulus and the exponent are in the SPKI of an RSA key of 2048 bits with the exponent 65537.
const MODULUS: std::ops::Range<usize> = 33..289;
const EXPONENT: std::ops::Range<usize> = 291..294;

/// A key pair. Prints without its private half.
#[derive(Clone)]
pub(crate) enum KeyPair {
    /// On a curve, with the curve's number in COSE.
    Curve(Arc<EcdsaKeyPair>, Algorithm),
    /// RSA.
    Rsa(Arc<rsa::KeyPair>),
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair([redacted])")
    }
}

impl From<aws_lc_rs::error::Unspecified> for Refusal {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Cryptography
    }
}

/// This many random bytes.
pub(crate) fn random(length: usize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![0; length];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

impl KeyPair {
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, Refusal> {
        let curve = |signing: &'static EcdsaSigningAlgorithm| {
            Ok(Self::Curve(Arc::new(EcdsaKeyPair::generate(signing)?), algorithm))
        };
        match algorithm {
            Algorithm::Es256 => curve(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Algorithm::Es384 => curve(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Algorithm::Rs256 => Ok(Self::Rsa(Arc::new(rsa::KeyPair::generate(KeySize::Rsa2048)?))),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let random = SystemRandom::new();
        match self {
            Self::Curve(pair, _) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
        }
    }

    /// The public key as in X.509.
    pub(crate) fn spki(&self) -> Result<Vec<u8>, Refusal> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Curve(pair, _) => pair.public_key().as_der()?,
            Self::Rsa(pair) => pair.public_key().as_der()?,
        };
        Ok(der.as_ref().to_vec())
    }

    /// The public key as a `COSE_Key` (RFC 9053, section 7; RFC 8230, section 4), with another algorithm if told so.
    pub(crate) fn cose(&self, other: Option<i64>) -> Cbor {
        let number = |number: i64| Cbor::Integer(number.into());
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        let (mut members, algorithm) = match self {
            Self::Curve(pair, algorithm) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
                let curve = if *algorithm == Algorithm::Es384 { 2 } else { 1 };
                (vec![(1, number(2)), (-1, number(curve)), (-2, bytes(x)), (-3, bytes(y))], *algorithm)
            }
            Self::Rsa(_) => {
                let spki = self.spki().unwrap_or_default();
                let part = |range: std::ops::Range<usize>| bytes(spki.get(range).unwrap_or_default());
                (vec![(1, number(3)), (-1, part(MODULUS)), (-2, part(EXPONENT))], Algorithm::Rs256)
            }
        };
        members.push((3, number(other.unwrap_or(algorithm.number()))));
        Cbor::Map(members.into_iter().map(|(label, value)| (number(label), value)).collect())
    }
}
