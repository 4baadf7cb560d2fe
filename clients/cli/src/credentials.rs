//! Tokens on disk, one pair for each server, in a file that only its owner reads. A lock file is held while a session is
//! renewed: of two commands that find the same old token one renews it and the other reads the new one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;

use chrono::{DateTime, Utc};
use flagstone_client::{TokenSlot, TokenStore, Tokens};
use serde::{Deserialize, Serialize};

use crate::config::{Folder, named};

const FILE: &str = "credentials.json";
const LOCK: &str = "credentials.lock";

/// Keeps the tokens of one server.
pub(crate) struct FileStore {
    folder: Folder,
    server: String,
}

impl FileStore {
    pub(crate) fn new(folder: Folder, server: String) -> Self {
        Self { folder, server }
    }
}

#[tonic::async_trait]
impl TokenStore for FileStore {
    async fn open(&self) -> io::Result<Box<dyn TokenSlot>> {
        let (folder, server) = (self.folder.clone(), self.server.clone());
        let lock = move || -> io::Result<FileSlot> {
            folder.make()?;
            let path = folder.file(LOCK);
            let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
            let lock = lock.map_err(|error| named(&path, &error))?;
            lock.lock()?;
            Ok(FileSlot { folder, server, _lock: lock })
        };
        // The wait for another command's renewal must not stop this one's other work.
        Ok(Box::new(tokio::task::spawn_blocking(lock).await.map_err(io::Error::other)??))
    }
}

/// The file while this process holds the lock, which is given up when the lock file is closed.
struct FileSlot {
    folder: Folder,
    server: String,
    _lock: File,
}

impl FileSlot {
    fn all(&self) -> io::Result<BTreeMap<String, Stored>> {
        let path = self.folder.file(FILE);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| {
                let remedy = format!("{error}. Delete the file and log in again.");
                named(&path, &io::Error::new(ErrorKind::InvalidData, remedy))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(named(&path, &error)),
        }
    }
}

impl TokenSlot for FileSlot {
    fn read(&mut self) -> io::Result<Option<Tokens>> {
        Ok(self.all()?.remove(&self.server).map(Tokens::from))
    }

    fn write(&mut self, tokens: Option<&Tokens>) -> io::Result<()> {
        let mut all = self.all()?;
        match tokens {
            Some(tokens) => all.insert(self.server.clone(), tokens.into()),
            None => all.remove(&self.server),
        };
        self.folder.write(FILE, serde_json::to_string_pretty(&all)?.as_bytes())
    }
}

/// A pair of tokens as it stands in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    access_token: String,
    access_expire_time: DateTime<Utc>,
    refresh_token: String,
    refresh_expire_time: DateTime<Utc>,
    received_time: DateTime<Utc>,
}

impl From<&Tokens> for Stored {
    fn from(tokens: &Tokens) -> Self {
        Self {
            access_token: tokens.access_token.clone(),
            access_expire_time: tokens.access_expire_time.into(),
            refresh_token: tokens.refresh_token.clone(),
            refresh_expire_time: tokens.refresh_expire_time.into(),
            received_time: tokens.received_time.into(),
        }
    }
}

impl From<Stored> for Tokens {
    fn from(stored: Stored) -> Self {
        Self {
            access_token: stored.access_token,
            access_expire_time: stored.access_expire_time.into(),
            refresh_token: stored.refresh_token,
            refresh_expire_time: stored.refresh_expire_time.into(),
            received_time: stored.received_time.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    fn tokens(access: &str) -> Tokens {
        let now = SystemTime::now();
        Tokens {
            access_token: access.into(),
            access_expire_time: now,
            refresh_token: "refresh".into(),
            refresh_expire_time: now,
            received_time: now,
        }
    }

    #[tokio::test]
    async fn each_server_has_its_tokens_and_the_file_is_private() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::find(Some(base.path().join("new"))).unwrap();
        let store = |server: &str| FileStore::new(folder.clone(), server.into());
        store("http://a").open().await.unwrap().write(Some(&tokens("a"))).unwrap();
        store("http://b").open().await.unwrap().write(Some(&tokens("b"))).unwrap();
        store("http://b").open().await.unwrap().write(None).unwrap();
        let read = store("http://a").open().await.unwrap().read().unwrap().unwrap();
        assert_eq!(read.access_token, "a");
        assert_eq!(store("http://b").open().await.unwrap().read().unwrap(), None);
        let mode = fs::metadata(folder.file(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn the_slot_has_one_holder() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::find(Some(base.path().to_owned())).unwrap();
        let store = FileStore::new(folder, "http://a".into());
        let held = store.open().await.unwrap();
        let mut second = store.open();
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut second).await.is_err());
        drop(held);
        second.await.unwrap();
    }
}
