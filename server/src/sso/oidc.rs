//! A login by OpenID Connect: the code flow with PKCE, state and nonce. What is checked of a token, and how, is the
//! library's; which algorithms count, and who answered, is decided here.

use std::error::Error as StdError;

use flagstone_core::sso_login::Profile;
use flagstone_core::sso_provider::SsoProviderKind;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClientAuthMethod,
    CoreErrorResponseType, CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreSubjectIdentifierType, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::url::Url;
use openidconnect::{
    AdditionalClaims, AdditionalProviderMetadata, AuthType, AuthorizationCode, ClaimsVerificationError, Client,
    ClientId, ClientSecret, CsrfToken, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadata, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse, UserInfoClaims, UserInfoError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fetch::{Fetch, Unreachable};
use super::{Beginning, Examination, Failure, Provider, Secrets, Vouched};

/// Signatures that only the provider can make. Those with a shared secret, and none at all, are not among them.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// What a provider says of itself beyond the library's fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Extra {
    /// It says who it is when it sends somebody back (RFC 9207).
    authorization_response_iss_parameter_supported: Option<bool>,
    code_challenge_methods_supported: Option<Vec<String>>,
    end_session_endpoint: Option<Url>,
}

impl AdditionalProviderMetadata for Extra {}

/// What a provider says of itself, with its keys.
pub(super) type Metadata = ProviderMetadata<
    Extra,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// What Entra says of an address: whether the owner of its domain was verified.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct EntraClaims {
    xms_edov: Option<Value>,
}

impl AdditionalClaims for EntraClaims {}

type Fields = IdTokenFields<
    EntraClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// What a code is exchanged for.
pub(super) type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

type OidcClient = Client<
    EntraClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a token does not say who somebody is.
#[derive(Debug)]
pub(super) enum Unverified {
    /// It was signed with a key that the provider did not have when it was asked.
    UnknownKey,
    Failed(Failure),
}

impl From<Unverified> for Failure {
    fn from(unverified: Unverified) -> Self {
        match unverified {
            Unverified::UnknownKey => {
                Self::Rejected("the token was signed with a key that is not the provider's".into())
            }
            Unverified::Failed(failure) => failure,
        }
    }
}

/// Asks a provider what it says of itself, and for its keys.
pub(super) async fn discover(fetch: &Fetch, provider: &Provider) -> Result<Metadata, Failure> {
    let unusable = |why: String| Failure::Unreachable(format!("{} cannot be used: {why}", provider.issuer));
    let issuer = IssuerUrl::new(provider.issuer.clone()).map_err(|error| unusable(error.to_string()))?;
    let metadata = Metadata::discover_async(issuer, fetch).await.map_err(|error| match error {
        DiscoveryError::Request(unreachable) => Failure::from(unreachable),
        other => unusable(told(&other)),
    })?;
    // A document that is signed by nobody must not lead a secret out of TLS.
    let https = provider.issuer.starts_with("https://");
    let endpoints = [
        Some(metadata.authorization_endpoint().url()),
        metadata.token_endpoint().map(|url| url.url()),
        metadata.userinfo_endpoint().map(|url| url.url()),
        metadata.additional_metadata().end_session_endpoint.as_ref(),
    ];
    let plain = |url: &&Url| url.scheme() != "https" && (https || url.scheme() != "http");
    let plain = endpoints.into_iter().flatten().find(plain).map(ToString::to_string);
    match plain {
        Some(url) => Err(unusable(format!("it names {url}, which is not https"))),
        None => Ok(metadata),
    }
}

fn client(provider: &Provider, metadata: &Metadata) -> Result<OidcClient, Failure> {
    let secret = provider.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
    let redirect = RedirectUrl::new(provider.callback_url.clone());
    let redirect = redirect.map_err(|error| Failure::Unreachable(format!("the public URL is none: {error}")))?;
    let methods = metadata.token_endpoint_auth_methods_supported().map(Vec::as_slice).unwrap_or_default();
    let by_body = methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic);
    let client = Client::from_provider_metadata(metadata.clone(), ClientId::new(provider.client_id.clone()), secret)
        .set_redirect_uri(redirect);
    Ok(if by_body { client.set_auth_type(AuthType::RequestBody) } else { client })
}

/// Where the browser goes.
pub(super) fn begin(provider: &Provider, metadata: &Metadata, state: &str) -> Result<Beginning, Failure> {
    let client = client(provider, metadata)?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let state = CsrfToken::new(state.to_owned());
    let mut request = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, Nonce::new_random)
        .set_pkce_challenge(challenge);
    for scope in provider.scopes.iter().filter(|scope| *scope != "openid") {
        request = request.add_scope(Scope::new(scope.clone()));
    }
    if provider.kind == SsoProviderKind::Entra {
        // People have several accounts there, and the browser knows one of them already.
        request = request.add_prompt(CoreAuthPrompt::SelectAccount);
    }
    let (url, _, nonce) = request.url();
    let secrets = Secrets { nonce: nonce.secret().clone(), verifier: verifier.into_secret() };
    Ok(Beginning { authorization_url: url.into(), secrets })
}

/// Whether the one who sent the browser back is the one to whom it was sent.
pub(super) fn check_issuer(metadata: &Metadata, answered: Option<&str>) -> Result<(), Failure> {
    let says = metadata.additional_metadata().authorization_response_iss_parameter_supported == Some(true);
    match answered {
        Some(issuer) if issuer == metadata.issuer().as_str() => Ok(()),
        None if !says => Ok(()),
        _ => Err(Failure::Rejected("somebody else than the provider answered".into())),
    }
}

/// Exchanges a code for tokens.
pub(super) async fn exchange(
    fetch: &Fetch,
    provider: &Provider,
    metadata: &Metadata,
    code: String,
    verifier: String,
) -> Result<Tokens, Failure> {
    let client = client(provider, metadata)?;
    let request = client
        .exchange_code(AuthorizationCode::new(code))
        .map_err(|_| Failure::Unreachable(format!("{} has no address for codes", provider.issuer)))?
        .set_pkce_verifier(PkceCodeVerifier::new(verifier));
    request.request_async(fetch).await.map_err(|error| match error {
        RequestTokenError::Request(unreachable) => Failure::from(unreachable),
        // Neither the answer nor where in it the fault is: both may hold tokens.
        RequestTokenError::Parse(..) => Failure::Rejected("the provider's answer to the code cannot be read".into()),
        RequestTokenError::ServerResponse(said) => {
            Failure::Rejected(format!("the provider says {}", said.error().as_ref()))
        }
        other @ RequestTokenError::Other(_) => Failure::Rejected(told(&other)),
    })
}

/// Who somebody is, by a token that holds.
pub(super) async fn vouch(
    fetch: &Fetch,
    provider: &Provider,
    metadata: &Metadata,
    tokens: &Tokens,
    nonce: &str,
) -> Result<Vouched, Unverified> {
    let rejected = |why: String| Unverified::Failed(Failure::Rejected(why));
    let client = client(provider, metadata).map_err(Unverified::Failed)?;
    let id_token = tokens.id_token().ok_or_else(|| rejected("the provider sent no ID token".into()))?;
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
    let nonce = Nonce::new(nonce.to_owned());
    let claims = id_token.claims(&verifier, &nonce).map_err(|error| match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            Unverified::UnknownKey
        }
        // A key of the same name may be another one by now.
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::CryptoError(_)) => {
            Unverified::UnknownKey
        }
        other => rejected(format!("the ID token does not hold: {}", told(&other))),
    })?;
    let subject = claims.subject().clone();
    let mut profile = Profile {
        subject: subject.to_string(),
        email: claims.email().map(|email| email.to_string()),
        email_verified: claims.email_verified(),
        preferred_username: claims.preferred_username().map(|name| name.to_string()),
        full_name: claims.name().and_then(|name| name.get(None)).map(|name| name.to_string()),
        profile_url: claims.profile().and_then(|url| url.get(None)).map(|url| url.to_string()),
    };
    let mut edov = claims.additional_claims().xms_edov.clone();
    // Many providers keep what they know of a person at an address of its own.
    if profile.email.is_none()
        && let Ok(request) = client.user_info(tokens.access_token().clone(), Some(subject))
    {
        let more: UserInfoClaims<EntraClaims, CoreGenderClaim> =
            request.request_async(fetch).await.map_err(|error: UserInfoError<Unreachable>| match error {
                UserInfoError::Request(unreachable) => Unverified::Failed(unreachable.into()),
                UserInfoError::Parse(_) => rejected("the provider's answer about the person cannot be read".into()),
                other => rejected(told(&other)),
            })?;
        profile.email = more.email().map(|email| email.to_string());
        profile.email_verified = more.email_verified();
        let of = |known: Option<String>, found: Option<String>| known.or(found);
        profile.preferred_username =
            of(profile.preferred_username, more.preferred_username().map(|name| name.to_string()));
        profile.full_name =
            of(profile.full_name, more.name().and_then(|name| name.get(None)).map(|name| name.to_string()));
        edov = edov.or_else(|| more.additional_claims().xms_edov.clone());
    }
    if provider.kind == SsoProviderKind::Entra {
        profile.email_verified = edov.map(|value| is_true(&value));
    }
    Ok(Vouched { profile, id_token: Some(id_token.to_string()) })
}

/// Entra writes it as a truth, as a number and as a text.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_i64() == Some(1),
        Value::String(text) => matches!(text.as_str(), "1" | "true" | "True"),
        _ => false,
    }
}

/// Where the browser goes to log out of the provider, too (RP-initiated logout).
pub(super) fn logout_url(
    provider: &Provider,
    metadata: &Metadata,
    id_token: Option<&str>,
    back: &str,
) -> Option<String> {
    let mut url = metadata.additional_metadata().end_session_endpoint.clone()?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("client_id", &provider.client_id).append_pair("post_logout_redirect_uri", back);
        if let Some(id_token) = id_token {
            query.append_pair("id_token_hint", id_token);
        }
    }
    Some(url.into())
}

/// What would keep a login from working.
pub(super) fn examine(metadata: &Metadata) -> Examination {
    let mut problems = Vec::new();
    let mut check = |ok: bool, problem: &str| {
        if !ok {
            problems.push(problem.to_owned());
        }
    };
    check(metadata.token_endpoint().is_some(), "The provider names no address at which codes are exchanged.");
    let code = metadata.response_types_supported().iter().any(|types| types.as_slice() == [CoreResponseType::Code]);
    check(code, "The provider does not offer the code flow.");
    let algorithms = metadata.id_token_signing_alg_values_supported();
    check(
        algorithms.iter().any(|algorithm| ALGORITHMS.contains(algorithm)),
        "The provider offers none of the signatures that are taken: RS256 to RS512, PS256 to PS512, ES256, ES384, EdDSA.",
    );
    check(!metadata.jwks().keys().is_empty(), "The provider publishes no keys.");
    let methods = metadata.additional_metadata().code_challenge_methods_supported.as_ref();
    check(
        methods.is_none_or(|methods| methods.iter().any(|method| method == "S256")),
        "The provider does not offer PKCE with S256.",
    );
    Examination {
        problems,
        authorization_endpoint: metadata.authorization_endpoint().to_string(),
        signing_keys: metadata.jwks().keys().len(),
    }
}

/// An error with its causes, in one line.
fn told(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text.chars().take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entra_says_true_in_many_ways() {
        for (value, expected) in [
            (Value::Bool(true), true),
            (Value::Bool(false), false),
            (1.into(), true),
            (0.into(), false),
            ("1".into(), true),
            ("true".into(), true),
            ("false".into(), false),
            (Value::Null, false),
        ] {
            assert_eq!(is_true(&value), expected, "{value}");
        }
    }
}
