//! The workspace state: read, locked and stored as Terraform's `http` backend does it, with the credential of the lease.
//!
//! A state is a JSON object. Its `resources` have Terraform's form, since the platform counts them; `serial`, `lineage`,
//! `version`, `engine` and `outputs` are ours; everything else in it is the program's own.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::document::{MAX_RESOURCES, address, check_name};
use super::http::{Credential, exchange};
use super::planfile::sha256;
use super::{field, unfit};
use crate::engine::{EngineKind, StateBackend};
use crate::error::{EngineError, ErrorClass};

/// Largest state, in bytes.
pub(super) const MAX_STATE: usize = 32 * 1024 * 1024;

/// Longest answer beside a state.
const MAX_ANSWER: usize = 64 * 1024;

/// The form of a state, told in it.
const VERSION: u32 = 1;

/// The pauses between attempts of a call that did not get through.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Which state it was that something began with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    /// Empty where there was none.
    pub(super) lineage: String,
    pub(super) serial: i64,
    /// Of its bytes, lower-case hex; empty where there was none.
    pub(super) sha256: String,
}

/// A state, or that there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Empty where there is none.
    bytes: Vec<u8>,
    document: Value,
    /// What it manages.
    pub(super) addresses: BTreeSet<String>,
}

impl State {
    /// Reads a state that the backend gave.
    fn read(bytes: &[u8]) -> Result<Self, EngineError> {
        let refuse = |why: String| {
            EngineError::new(ErrorClass::Conflict, format!("The workspace state cannot be used: {why}."))
                .suggest("Look at the deployment's state: another engine made it, or it was changed by hand.")
        };
        let document: Value = serde_json::from_slice(bytes).map_err(|error| refuse(error.to_string()))?;
        if field(&document, "engine") != EngineKind::Command.as_str() {
            return Err(refuse("it was not made by the engine COMMAND".to_owned()));
        }
        let addresses = addresses(&document).map_err(refuse)?;
        Ok(Self { bytes: bytes.to_vec(), document, addresses })
    }

    /// Takes what a program wrote as the state that follows `base`. `outputs` are kept with it.
    pub(super) fn following(base: &Base, written: &[u8], outputs: &Value) -> Result<Self, EngineError> {
        let refuse = |why: String| unfit(format!("The program's new state is refused: {why}."));
        if written.len() > MAX_STATE {
            return Err(refuse(format!("it has {} bytes; at most {MAX_STATE} are taken", written.len())));
        }
        let mut members: Map<String, Value> =
            serde_json::from_slice(written).map_err(|error| refuse(format!("it is no JSON object: {error}")))?;
        let lineage = if base.lineage.is_empty() { Uuid::new_v4().to_string() } else { base.lineage.clone() };
        members.insert("version".to_owned(), json!(VERSION));
        members.insert("engine".to_owned(), json!(EngineKind::Command.as_str()));
        members.insert("lineage".to_owned(), json!(lineage));
        members.insert("serial".to_owned(), json!(base.serial.saturating_add(1)));
        members.insert("outputs".to_owned(), outputs.clone());
        let document = Value::Object(members);
        let addresses = addresses(&document).map_err(refuse)?;
        Ok(Self { bytes: document.to_string().into_bytes(), document, addresses })
    }

    /// The bytes as they are stored; those of an empty object where there is none.
    pub(super) fn bytes(&self) -> &[u8] {
        if self.bytes.is_empty() { b"{}" } else { &self.bytes }
    }

    /// Which state it is.
    pub(super) fn base(&self) -> Base {
        if self.bytes.is_empty() {
            return Base::default();
        }
        Base {
            lineage: field(&self.document, "lineage").as_str().unwrap_or_default().to_owned(),
            serial: field(&self.document, "serial").as_i64().unwrap_or_default(),
            sha256: sha256(&self.bytes),
        }
    }

    /// The attribute `id` of what is at an address, where it is a text.
    pub(super) fn id_of(&self, wanted: &str) -> Option<String> {
        let resources = field(&self.document, "resources").as_array()?;
        let instances = resources.iter().flat_map(|resource| {
            field(resource, "instances").as_array().into_iter().flatten().map(move |instance| (resource, instance))
        });
        instances
            .filter(|(resource, instance)| instance_address(resource, instance).as_deref() == Some(wanted))
            .find_map(|(_, instance)| instance.pointer("/attributes/id")?.as_str().map(ToOwned::to_owned))
    }
}

fn instance_address(resource: &Value, instance: &Value) -> Option<String> {
    address(field(resource, "type").as_str()?, field(resource, "name").as_str()?, field(instance, "index_key"))
}

/// The addresses of everything in a state. The error is half a sentence.
fn addresses(document: &Value) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let Some(resources) = field(document, "resources").as_array() else {
        return Err("it has no list `resources`".to_owned());
    };
    for resource in resources {
        let text = |key: &str| field(resource, key).as_str().unwrap_or_default();
        check_name("a type", text("type"))?;
        check_name("a resource", text("name"))?;
        if text("mode") != "managed" {
            return Err(format!("{}.{} has a mode other than `managed`", text("type"), text("name")));
        }
        let instances = field(resource, "instances").as_array();
        let instances = instances.ok_or_else(|| format!("{}.{} has no `instances`", text("type"), text("name")))?;
        for instance in instances {
            let address = instance_address(resource, instance)
                .ok_or_else(|| format!("{}.{} has an index that is none", text("type"), text("name")))?;
            if !found.insert(address.clone()) {
                return Err(format!("{address} is in it twice"));
            }
            if found.len() > MAX_RESOURCES {
                return Err(format!("it has more than {MAX_RESOURCES} resources"));
            }
        }
    }
    Ok(found)
}

/// A lock that we have.
pub(super) struct Lock {
    id: String,
    info: Bytes,
}

/// The state backend.
pub(super) struct Backend {
    address: String,
    lock_address: String,
    unlock_address: String,
    credential: Credential,
    lock: Method,
    unlock: Method,
}

impl Backend {
    /// The backend of a job.
    pub(super) fn new(backend: &StateBackend) -> Result<Self, EngineError> {
        let method =
            |name: &[u8]| Method::from_bytes(name).map_err(|_| failed("it has methods that HTTP does not allow"));
        Ok(Self {
            address: backend.address.clone(),
            lock_address: backend.lock_address.clone(),
            unlock_address: backend.unlock_address.clone(),
            credential: Credential { username: backend.username.clone(), password: backend.password.clone() },
            lock: method(b"LOCK")?,
            unlock: method(b"UNLOCK")?,
        })
    }

    /// Takes the lock. Somebody else who has it is a CONFLICT that may pass.
    pub(super) async fn lock(&self, operation: &str) -> Result<Lock, EngineError> {
        let id = Uuid::new_v4().to_string();
        let info = json!({"ID": id, "Operation": operation, "Who": "flagstone", "Info": "the engine COMMAND"});
        let info = Bytes::from(info.to_string());
        match self.call(&self.lock, &self.lock_address, info.clone(), MAX_ANSWER).await? {
            (StatusCode::OK, _) => Ok(Lock { id, info }),
            (StatusCode::LOCKED | StatusCode::CONFLICT, _) => {
                Err(EngineError::new(ErrorClass::Conflict, "Error acquiring the state lock: somebody else has it.")
                    .suggest("Another job holds the workspace state. Wait for it, then retry.")
                    .transient())
            }
            (status, answer) => Err(refused(status, &answer)),
        }
    }

    /// Gives the lock back.
    pub(super) async fn unlock(&self, lock: Lock) -> Result<(), EngineError> {
        match self.call(&self.unlock, &self.unlock_address, lock.info, MAX_ANSWER).await? {
            (StatusCode::OK, _) => Ok(()),
            (status, answer) => Err(refused(status, &answer)),
        }
    }

    /// Reads the state.
    pub(super) async fn read(&self) -> Result<State, EngineError> {
        match self.call(&Method::GET, &self.address, Bytes::new(), 2 * MAX_STATE).await? {
            (StatusCode::OK, bytes) if !bytes.is_empty() => State::read(&bytes),
            (StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::NOT_FOUND, _) => Ok(State::default()),
            (status, answer) => Err(refused(status, &answer)),
        }
    }

    /// Stores a state under a lock.
    pub(super) async fn store(&self, lock: &Lock, state: &State) -> Result<(), EngineError> {
        let joint = if self.address.contains('?') { '&' } else { '?' };
        let address = format!("{}{joint}ID={}", self.address, lock.id);
        let suggestion = "The state is kept with the job; store it before anything else is done with this deployment.";
        let not_stored = |error: EngineError| {
            let message = format!("Failed to persist state to backend: {}", error.message);
            EngineError::new(ErrorClass::Engine, message).suggest(suggestion)
        };
        let bytes = Bytes::copy_from_slice(state.bytes());
        match self.call(&Method::POST, &address, bytes, MAX_ANSWER).await.map_err(not_stored)? {
            (status, _) if status.is_success() => Ok(()),
            (status, answer) => Err(not_stored(refused(status, &answer))),
        }
    }

    /// A call, tried again where it did not get through: every one of them may be made twice.
    async fn call(
        &self,
        method: &Method,
        address: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), EngineError> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = exchange(method, address, &self.credential, body.clone(), limit).await;
            let passes = match &answer {
                Ok((status, _)) => status.is_server_error(),
                Err(_) => true,
            };
            match (passes, pauses.next()) {
                (true, Some(pause)) => sleep(*pause).await,
                _ => return answer.map_err(|why| failed(&why)),
            }
        }
    }
}

fn failed(why: &str) -> EngineError {
    EngineError::new(ErrorClass::Network, format!("The state backend was not reached: {why}."))
        .suggest("Check that the runner reaches the server, then retry.")
        .transient()
}

fn refused(status: StatusCode, answer: &[u8]) -> EngineError {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().next().unwrap_or_default().chars().take(300).collect::<String>();
    let class = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorClass::Permission,
        StatusCode::CONFLICT | StatusCode::LOCKED => ErrorClass::Conflict,
        status if status.is_server_error() => ErrorClass::Network,
        _ => ErrorClass::Engine,
    };
    let error = EngineError::new(class, format!("The state backend refused: {status}. {line}").trim().to_owned());
    if status.is_server_error() { error.transient() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Value {
        json!({"serial": 99, "mine": true, "resources": [
            {"mode": "managed", "type": "file", "name": "a", "instances": [{"attributes": {"id": "one"}}]},
            {"mode": "managed", "type": "file", "name": "b", "instances": [{"index_key": 0}, {"index_key": "k"}]},
        ]})
    }

    #[test]
    fn a_state_follows_another_and_keeps_what_is_the_program_s() {
        let first = State::following(&Base::default(), written().to_string().as_bytes(), &json!({})).unwrap();
        let base = first.base();
        assert_eq!((base.serial, base.lineage.len(), base.sha256.len()), (1, 36, 64));
        assert_eq!(first.addresses.iter().collect::<Vec<_>>(), ["file.a", "file.b[\"k\"]", "file.b[0]"]);
        assert_eq!((first.id_of("file.a").as_deref(), first.id_of("file.b[0]")), (Some("one"), None));
        let again = State::read(first.bytes()).unwrap();
        assert_eq!((again.base(), field(&again.document, "mine")), (base.clone(), &json!(true)));
        let second = State::following(&base, written().to_string().as_bytes(), &json!({})).unwrap().base();
        assert_eq!((second.serial, second.lineage), (2, base.lineage));
        assert_eq!((State::default().bytes(), State::default().base()), (b"{}".as_slice(), Base::default()));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        for (text, part) in [
            ("[]", "no JSON object"),
            ("{}", "no list"),
            (r#"{"resources": {}}"#, "no list"),
            (r#"{"resources": [{}]}"#, "letters, digits"),
            (r#"{"resources": [{"type": "a", "name": "b"}]}"#, "mode"),
            (r#"{"resources": [{"mode": "managed", "type": "a", "name": "b"}]}"#, "instances"),
            (r#"{"resources": [{"mode": "managed", "type": "a", "name": "b", "instances": [{}, {}]}]}"#, "twice"),
            (
                r#"{"resources": [{"mode": "managed", "type": "a", "name": "b", "instances": [{"index_key": []}]}]}"#,
                "index",
            ),
        ] {
            let error = State::following(&Base::default(), text.as_bytes(), &Value::Null).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
        }
        let terraform = br#"{"version": 4, "serial": 1, "lineage": "l", "resources": []}"#;
        let error = State::read(terraform).unwrap_err();
        assert_eq!(error.class, ErrorClass::Conflict);
        assert!(error.message.contains("COMMAND"), "{error}");
    }
}
