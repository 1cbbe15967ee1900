//! Passkeys and ceremonies as the first version stored them, with signatures of that time.

use super::*;

/// What is stored of a passkey, what was stored of a login, and what was signed.
struct Stored {
    credential_id: &'static str,
    public_key: &'static str,
    state: &'static str,
    challenge: &'static str,
    signature: &'static str,
}

/// The hash of the RP id, the flags (present, verified, eligible for backup, backed up), and the counter 7.
const AUTHENTICATOR_DATA: &str = "o3mm9u6vuaVeN4wRgDTidR5oL6ufLTCrE9ISVYbOGUcdAAAABw";

const ES256: Stored = Stored {
    credential_id: "jjO-mZeFsPP76JlwMBHc8g",
    public_key: "pQECAyYgASFYICQiWOSqxSfP_uuOeTMucdxW6QTuruuiwnr45h7-cjQEIlggQ1Q3PfMcWdQQP5W1lNwhF-sbWPfMkxs2l44NkRTTPwE",
    state: r#"{"login":{"allowed":["6btUqEytp9iH0xyg396XGw"],"library":{"credentials":[],"policy":"required","challenge":"y10e6cGz1vaP1ILM4hc-DBxVJC0xv95yxE8vy0MrDwc","appid":null,"allow_backup_eligible_upgrade":false}}}"#,
    challenge: "y10e6cGz1vaP1ILM4hc-DBxVJC0xv95yxE8vy0MrDwc",
    signature: "MEYCIQCLlNfGA03NuS_u-Wwz7nD2OAUyJBeCx_vVge9fK3p--gIhAJzGyjmISHnIarPE7_d7SNtRIQG24pQTwHC5mmkJexcb",
};

const RS256: Stored = Stored {
    credential_id: "2yF1i83rGoX6dPtnhXuIJw",
    public_key: "pAEDAzkBACBZAQDFBrRmqhYQQcXFVFeWPp5YGMrC_C9DwCFN0flCraa1rgQtppKV0IPggUrIcpjQNnunKZnfw6VG31Z7RpUDK38-HHdMw5_in_LxBAJdeS-CgQY1_dbAlZBx3xQNaP0sUuAQnKyZanUHlNElewyh0eCcWHoIc4gV5rxPRfrw6sx-Hn6-TLrVgyBSgwlv8gP94gAPXe76BovXovwlrcnFNXKjITMTQ5xdpYqHfXP4D8Y1JT5XUfcIRnEHXBPsD2Zi5Pyb9JLnuzB0FzjYC2SntIuXLE9TPe-MkhOxoX61ODrFbpd7v3icmmjYbh2rwXnkWCc4rl6tuyvH4FQgSMdsm9IFIUMBAAE",
    state: r#"{"login":{"allowed":["y_Cw7KlksuRIVEbcUyleCg"],"library":{"credentials":[],"policy":"required","challenge":"jJaME7OP_SWgfIN4eETL86U2gxudA7G-wSHd3ffLKyY","appid":null,"allow_backup_eligible_upgrade":false}}}"#,
    challenge: "jJaME7OP_SWgfIN4eETL86U2gxudA7G-wSHd3ffLKyY",
    signature: "NT-nIJ89EMT6xdrbFdQhTgICHJC5xtlf8AZQXUprqBW8QptKS1P3NA2Bjnoz_f3gk6V7-yLeMMdi5T8tLBr8g6tZU3muruARGRptVllTnbU4IodnUkfvaw8ylx_yHa_fwVMuz02Z9idO4almYNrK0-thy2esjJcXiA_YYMrfhvfTRmJtS2RIS0NGuPKyQcYt1BFhj1oYfGpRTPux1pZ5CUlX1jIaf7iR-q5oY18XPt96WwoiBsPQXJ35yqcVc-8qxo8GldQpVf-Ki1L2g5fPtcO--XYaE_lmIpteymQETFdMlN76w1_j_voQsZ6mZHCB-dqaPA85KWlur1TmRSF7uw",
};

#[tokio::test]
async fn a_passkey_of_the_first_version_still_logs_in() {
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    for stored in [ES256, RS256] {
        let passkey = Passkey {
            credential_id: decode(stored.credential_id),
            public_key: decode(stored.public_key),
            user_handle: HANDLE,
            counter: 6,
            user_verified: true,
            discoverable: Some(true),
            backup_eligible: true,
            backed_up: false,
            transports: vec!["internal".to_owned()],
            aaguid: Uuid::nil(),
            attestation_format: "none".to_owned(),
        };
        let client_data = format!(
            r#"{{"type":"webauthn.get","challenge":"{}","origin":"{ORIGIN}","crossOrigin":false}}"#,
            stored.challenge
        );
        let response = AssertionResponse {
            credential_id: passkey.credential_id.clone(),
            client_data: client_data.into_bytes(),
            authenticator_data: decode(AUTHENTICATOR_DATA),
            signature: decode(stored.signature),
            user_handle: Some(HANDLE.as_bytes().to_vec()),
        };
        let proven = ceremonies().finish_login(stored.state, &passkey, response).await;
        assert_eq!(proven, Ok(Assertion { counter: 7, user_verified: true, backed_up: true }));
    }
}
