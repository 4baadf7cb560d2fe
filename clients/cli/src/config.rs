//! The folder of configuration and tokens, and what is remembered from the last login. The only file that reads the
//! environment, apart from the options that name a variable.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Where `flagstone-server dev` listens.
const DEFAULT_SERVER: &str = "http://127.0.0.1:7400";

/// What is remembered, in `config.yaml`.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Server of the last login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
}

/// The API token of `FLAGSTONE_TOKEN`, for pipelines that keep nothing on disk. Never an option: others can read those.
#[expect(clippy::disallowed_methods, reason = "this is the program's config.rs")]
pub(crate) fn api_token() -> Option<String> {
    std::env::var("FLAGSTONE_TOKEN").ok().filter(|token| !token.is_empty())
}

/// The folder of configuration and tokens.
#[derive(Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The given folder, else `$XDG_CONFIG_HOME/flagstone`, else `~/.config/flagstone`. Made when something is written.
    #[expect(clippy::disallowed_methods, reason = "this is the program's config.rs")]
    pub(crate) fn find(given: Option<PathBuf>) -> Result<Self, Failure> {
        // The base directory specification wants a relative path ignored.
        let xdg = || std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::home_dir().map(|home| home.join(".config"));
        given
            .or_else(|| xdg().or_else(home).map(|base| base.join("flagstone")))
            .map(Self)
            .ok_or_else(|| Failure::Usage("There is no home folder. Give --config-dir.".to_owned()))
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is remembered; nothing where there is no file yet.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let path = self.file("config.yaml");
        match fs::read_to_string(&path) {
            Ok(text) => serde_yaml_ng::from_str(&text)
                .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Config::default()),
            Err(error) => Err(named(&path, &error).into()),
        }
    }

    /// Remembers it.
    pub(crate) fn remember(&self, config: &Config) -> Result<(), Failure> {
        let text = serde_yaml_ng::to_string(config).map_err(io::Error::other)?;
        Ok(self.write("config.yaml", text.as_bytes())?)
    }

    /// Makes the folder, for nobody else to read.
    pub(crate) fn make(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|error| named(&self.0, &error))
    }

    /// Replaces a file as a whole: a reader sees the old one or the new one. A temporary file has mode 0600.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        self.make()?;
        let path = self.file(name);
        let mut file = NamedTempFile::new_in(&self.0).map_err(|error| named(&self.0, &error))?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| named(&path, &error.error))?;
        Ok(())
    }
}

/// The server to call: the given one, that of the last login, or the one of `make up`.
pub(crate) fn server(given: Option<String>, config: &Config) -> String {
    let server = given.or_else(|| config.server.clone()).unwrap_or_else(|| DEFAULT_SERVER.to_owned());
    // One server has one spelling: tokens are kept under it.
    server.trim_end_matches('/').to_owned()
}

/// The error with the file's name in it.
pub(crate) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_written_is_for_its_owner_alone() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::find(Some(base.path().join("new"))).unwrap();
        assert_eq!(folder.config().unwrap().server, None);
        folder.remember(&Config { server: Some("https://example".into()) }).unwrap();
        assert_eq!(folder.config().unwrap().server.as_deref(), Some("https://example"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.file("config.yaml")), 0o600);
        assert_eq!(mode(&base.path().join("new")), 0o700);
    }

    #[test]
    fn the_server_is_the_given_one_or_the_last_or_the_local_one() {
        let last = Config { server: Some("https://last".into()) };
        assert_eq!(server(Some("https://given/".into()), &last), "https://given");
        assert_eq!(server(None, &last), "https://last");
        assert_eq!(server(None, &Config::default()), DEFAULT_SERVER);
    }
}
