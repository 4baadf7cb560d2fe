//! Opening and ending a session.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use flagstone_api::pb::{
    BeginDeviceLoginRequest, ChangePasswordRequest, CheckPermissionsRequest, LoginRequest, PermissionCheck,
    PollDeviceLoginRequest,
};
use flagstone_client::{Code, Error, Tokens};
use uuid::Uuid;

use crate::ask;
use crate::config::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::note;

/// Who opens a session, and where the password comes from: never from the command line, which others can read.
#[derive(Args)]
pub(crate) struct Login {
    /// Username or e-mail address; asked for where it is missing
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Organization id, where the same username exists in several
    #[arg(long, value_name = "ID")]
    organization: Option<String>,
    /// Read the password from the first line of stdin, and a new one, where it must be changed, from the second
    #[arg(long)]
    password_stdin: bool,
    /// Like --password-stdin, from a file
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Log in without a password here: prints a code to confirm in a browser where you are logged in
    #[arg(long, conflicts_with_all = ["username", "organization", "password_stdin", "password_file"])]
    device: bool,
    /// Use an API token instead of a session: read it from the first line of stdin
    #[arg(long, conflicts_with_all = ["username", "organization", "password_stdin", "password_file", "device"])]
    token_stdin: bool,
    /// Like --token-stdin, from a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["username", "organization", "password_stdin", "password_file",
        "device", "token_stdin"])]
    token_file: Option<PathBuf>,
}

pub(crate) async fn login(context: &Context, login: Login) -> Result<(), Failure> {
    if login.device {
        return device(context).await;
    }
    if login.token_stdin || login.token_file.is_some() {
        return token(context, login.token_file.as_deref()).await;
    }
    let identifier = match login.username {
        Some(username) => username,
        None => ask::line("Username:", "--username")?,
    };
    let given = match (login.password_stdin, &login.password_file) {
        (false, None) => None,
        (_, file) => Some(ask::secrets(file.as_deref().map(Path::new))?.into_iter()),
    };
    let (password, new) = match given {
        None => (ask::password("Password:", "--password-stdin or --password-file")?, None),
        Some(mut lines) => {
            let missing = || Failure::Usage("There is no password on the first line.".to_owned());
            (lines.next().ok_or_else(missing)?, lines.next())
        }
    };
    let request = LoginRequest {
        identifier,
        password: password.clone(),
        organization: login.organization.unwrap_or_default(),
        ..Default::default()
    };
    let answer = context.client.login(request).await?;
    context.folder.remember(&Config { server: Some(context.server.clone()) })?;
    if answer.password_change_required {
        change_password(context, password, new).await?;
    }
    let user = answer.user.unwrap_or_default();
    note(&format!("Logged in to {} as {} ({}).", context.server, user.display_name, user.email));
    Ok(())
}

/// Device login (RFC 8628): the code is confirmed elsewhere, by somebody who is logged in there.
async fn device(context: &Context) -> Result<(), Failure> {
    let mut auth = context.client.auth();
    let device = format!("{} on {}", env!("CARGO_BIN_NAME"), host());
    let begun = auth.begin_device_login(BeginDeviceLoginRequest { device }).await?.into_inner();
    note(&format!(
        "Open {} and confirm the code {}\nor open {}",
        begun.verification_uri, begun.user_code, begun.verification_uri_complete
    ));
    let mut interval = Duration::from_secs(u64::try_from(begun.interval_seconds).unwrap_or_default().max(1));
    // The same for every poll: an answer that was lost is given again.
    let request_id = Uuid::new_v4().to_string();
    let answer = loop {
        tokio::time::sleep(interval).await;
        let request = PollDeviceLoginRequest { device_code: begun.device_code.clone(), request_id: request_id.clone() };
        match auth.poll_device_login(request).await.map_err(Error::from) {
            Ok(answer) => break answer.into_inner(),
            // Nobody has confirmed it yet.
            Err(error) if error.code == Code::FailedPrecondition => {}
            // Asked too often, or the server is busy for a moment.
            Err(error) if error.code == Code::ResourceExhausted || error.is_passing() => {
                interval += error.retry_delay.unwrap_or(Duration::from_secs(5));
            }
            Err(error) => return Err(error.into()),
        }
    };
    context.client.adopt(Tokens::received(answer.tokens.unwrap_or_default())).await?;
    context.folder.remember(&Config { server: Some(context.server.clone()) })?;
    let user = answer.user.unwrap_or_default();
    note(&format!("Logged in to {} as {} ({}).", context.server, user.display_name, user.email));
    Ok(())
}

/// What the person who confirms is shown of this machine.
fn host() -> String {
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "an unnamed machine".to_owned() } else { name.to_owned() }
}

/// Keeps an API token, if the server takes it.
async fn token(context: &Context, file: Option<&Path>) -> Result<(), Failure> {
    let missing = || Failure::Usage("There is no token on the first line.".to_owned());
    let secret = ask::secrets(file)?.into_iter().next().filter(|line| !line.is_empty()).ok_or_else(missing)?;
    context.client.adopt(Tokens::api_token(secret)).await?;
    // Whatever the token may do, this it may always: ask about itself.
    let check = CheckPermissionsRequest {
        checks: vec![PermissionCheck { permission: "user:profile:read".to_owned(), object: String::new() }],
    };
    if let Err(status) = context.client.access().check_permissions(check).await {
        context.client.logout().await?;
        return Err(status.into());
    }
    context.folder.remember(&Config { server: Some(context.server.clone()) })?;
    note(&format!("The token is used for {} from now on.", context.server));
    Ok(())
}

pub(crate) async fn logout(context: &Context) -> Result<(), Failure> {
    if !context.client.is_logged_in() {
        note(&format!("Nobody is logged in to {}.", context.server));
        return Ok(());
    }
    context.client.logout().await?;
    note(&format!("Logged out of {}.", context.server));
    Ok(())
}

/// Sets the first password of one's own. At a terminal one may try until the rules are kept.
async fn change_password(context: &Context, current: String, new: Option<String>) -> Result<(), Failure> {
    if let Some(new) = new {
        return Ok(change(context, current, new).await?);
    }
    note("Your password must be changed before anything else: at least 12 characters, not a common one.");
    loop {
        let new = ask::password("New password:", "the new password on a second line of --password-stdin")?;
        if new != ask::password("New password again:", "it")? {
            note("The two are not the same.");
            continue;
        }
        match change(context, current.clone(), new).await {
            Ok(()) => return Ok(()),
            Err(error) if !error.violations.fields.is_empty() => {
                for violation in &error.violations.fields {
                    note(&format!("  {}", violation.description));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn change(context: &Context, current_password: String, new_password: String) -> Result<(), Error> {
    let request = ChangePasswordRequest { current_password, new_password, ..Default::default() };
    context.client.auth().change_password(request).await?;
    Ok(())
}
