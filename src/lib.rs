//! Kayan's use-cases, independent of any database, protocol or clock.
//!
//! [`Kayan`] is the application; it holds the ports and the settings. A folder is a noun and a file in it is a verb:
//! one use-case, with a command in, and an outcome or its own closed error out. Rules are in [`policy`], pure and
//! synchronous.

mod access;
mod account;
mod admin_token;
mod application;
mod audit;
mod device;
mod factor;
mod flow;
mod issuer_key;
mod mac;
mod message;
mod operation;
pub mod policy;
mod provider;
mod role;
mod schema;
mod sealed_state;
mod session;
#[cfg(test)]
mod stage;
mod tenant;
mod token;
mod user;
mod yielding;

pub use kayan_ports::Failure;

pub use crate::{
    access::{
        admin_token::AuthenticateAdminTokenError,
        attempt::{AttemptError, Locked, LockoutSettings},
        authenticate::AuthenticateError,
        caller::{Caller, Operator},
        check_permission::{CheckPermission, CheckPermissionError, PermissionCheck},
        idempotency::Idempotency,
        limit::{Allowance, LimitError, Limited, RateLimits},
        permit::DeniedError,
        proof_of_work::{ChallengeError, WorkChallenge, WorkRequired},
    },
    account::{
        change_password::{ChangePassword, ChangePasswordError},
        delete::{DeleteMe, DeleteMeError},
        export::Export,
        register::{Register, RegisterError},
        update::{UpdateMe, UpdateMeError},
    },
    admin_token::{
        attenuate::{AttenuateAdminToken, AttenuateAdminTokenError, attenuate_admin_token},
        create::{CreateAdminToken, CreateAdminTokenError, CreatedAdminToken},
        inspect::{InspectAdminTokenError, InspectedAdminToken},
        revoke::{RevokeAdminToken, RevokeAdminTokenError, RevokedAdminToken, WhichAdminToken},
    },
    application::{Kayan, Ports, RelyingPartyOf, Settings},
    audit::{
        bundle::{BundleError, BundleReader, ExportBundleError, Exported, Line, parse as parse_bundle_line},
        export::{EventExport, ExportEvents, SETTLES_WITHIN},
        list::MOST_LISTED,
        newest_seals::NewestSeal,
        purge::PurgeEventsError,
        seal::{LAG as SEAL_LAG, MOST as SEAL_MOST, Sealed},
        verify::VerifyTrail,
        writer::{EventWriter, ExportFormat},
    },
    device::{forget::ForgetMyDeviceError, list::MyDevice},
    factor::{
        find::MyFactors,
        otp::{
            request::{RequestOtp, RequestOtpError, RequestedOtp},
            verify::VerifyOtp,
        },
        passkey::{
            begin_login::{BeginPasskeyLogin, BeginPasskeyLoginError, PasskeyLogin},
            begin_registration::{BeginPasskeyRegistration, BeginPasskeyRegistrationError},
            ceremony::BegunCeremony,
            finish_login::{FinishPasskeyLogin, FinishPasskeyLoginError},
            finish_registration::{FinishPasskeyRegistration, FinishPasskeyRegistrationError, RegisteredPasskey},
            remove::RemovePasskeyError,
            rename::RenamePasskeyError,
        },
        recovery_code::{
            NewRecoveryCodes,
            regenerate::RegenerateRecoveryCodesError,
            verify::{VerifiedRecoveryCode, VerifyRecoveryCode},
        },
        reset::ResetMfa,
        totp::{
            disable::DisableTotpError,
            enroll::{EnrollTotp, EnrollTotpError},
            verify::{VerifiedTotp, VerifyTotp, VerifyTotpError},
        },
    },
    flow::{
        InvalidLink,
        account_deletion::{DeleteByLinkError, RequestDeletionError},
        code::{LogInByCode, LogInByCodeError},
        email_change::{ChangeEmailError, RequestEmailChangeError},
        invitation::{AcceptInvitation, AcceptInvitationError},
        magic_link::LogInByLinkError,
        own_link::RequestLinkError,
        phone_verification::{VerifyPhone, VerifyPhoneError},
        recovery::{Recover, RecoverError},
        request::{Flow, RequestByMail, RequestByMailError},
        verification::VerifyAddressError,
    },
    issuer_key::{
        biscuit::BiscuitKey,
        list::ShownKey,
        publish::PublishedKeysError,
        retire::RetireKeyError,
        rotate::{RotateKeys, RotateKeysError},
    },
    message::{
        Messaging,
        deliver::{BATCH as MESSAGE_BATCH, Outcome as MessageOutcome, Worked as WorkedMessage},
        manage::{ListMessages, ManageMessageError, TestMessageError},
    },
    operation::{
        check_factors::{CheckedSecrets, MOST_CREDENTIALS, MOST_USERS, RequiringTenant},
        check_health::{CheckHealth, HealthReport, ProbeReport},
        profile::DiagnosticsError,
        restore::RestoredBackup,
        set_log_level::SetLogLevelError,
        watch_clock::WatchedClock,
    },
    policy::{
        assurance::MissingFactor,
        lifetime::Lifetimes,
        password::{Language, Weakness},
        permission::{Grants, Pattern, Permission, PermissionError},
        return_to::ReturnTo,
        role::{RoleError, UnknownRole},
        tenant::PasswordSettings,
    },
    provider::{
        UnknownProvider,
        begin::{BeginProviderLogin, BeginProviderLoginError},
        exchange::{ExchangeProviderCode, ExchangeProviderCodeError},
        finish::{FinishProviderLogin, FinishProviderLoginError, ProviderReturn},
        log_in::ProviderLoginError,
        unlink::UnlinkProviderError,
    },
    role::{
        assign::{AssignRole, AssignRoleError},
        define::{CreateRole, DefineRoleError, UpdateRole},
        delete::{DeleteRole, DeleteRoleError},
    },
    schema::{FieldError, IdentitySchema, MarkError, SchemaError},
    session::{
        find::ListSessions,
        forward_auth::{ForwardAuthError, ForwardedUser, Requirements},
        jwt::{JwtSecret, SessionJwts},
        log_in::{LogIn, LogInError},
        mint_biscuit::{MintBiscuit, MintBiscuitError, MintedBiscuit},
        mint_jwt::{MintJwt, MintJwtError, MintedJwt},
        open::Opened,
        refresh::{RefreshSession, RefreshSessionError},
        revoke::{RevokeSessions, RevokeSessionsError},
        revoke_mine::RevokeMySessionError,
        second_factor::{InvalidMfaToken, MfaChallenge},
        step_up::StepUpRequired,
        who_am_i::{WhoAmI, WhoAmIError},
    },
    tenant::manage::{CreateTenant, ManageTenantError, UpdateTenant},
    token::{Purpose, Token},
    user::{
        change::ChangeUserError,
        create::{CreateUser, CreateUserError, FirstPassword},
        delete::DeleteUser,
        export::{ExportUsers, ExportUsersError, UserExport},
        find::{FindUserError, ListUsers, UserRef},
        import::{
            BATCH_BYTES, BATCH_LINES, ImportOutcome, ImportReport, ImportUsers, ImportUsersError, LineReport,
            MOST_LINES, ReadLine, Refusal, SeenUsers,
        },
        invite::{InvitationLink, InviteUser, InviteUserError},
        line::MAX_LINE_BYTES,
        set_password::{SetUserPassword, SetUserPasswordError},
        set_state::SetUserState,
        update::{UpdateUser, UpdateUserError},
    },
};
