//! Opening and ending a session.

use std::path::{Path, PathBuf};

use clap::Args;
use flagstone_api::pb::{ChangePasswordRequest, LoginRequest};
use flagstone_client::Error;

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
}

pub(crate) async fn login(context: &Context, login: Login) -> Result<(), Failure> {
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
