//! A state backend in memory, as Terraform's `http` backend wants one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use flagstone_engines::engine::{SecretValue, StateBackend};

/// States by path, and the lock of each.
#[derive(Clone, Default)]
pub(crate) struct StateServer {
    states: Arc<Mutex<HashMap<String, Bytes>>>,
    locks: Arc<Mutex<HashMap<String, Bytes>>>,
    refuses: Arc<AtomicBool>,
    port: u16,
}

impl StateServer {
    /// Serves until the runtime ends.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { port: listener.local_addr().unwrap().port(), ..Self::default() };
        let router = Router::new().fallback(handle).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    pub(crate) fn backend(&self) -> StateBackend {
        let address = format!("http://127.0.0.1:{}/tfstate", self.port);
        StateBackend {
            lock_address: address.clone(),
            unlock_address: address.clone(),
            address,
            username: "lease".to_owned(),
            password: SecretValue::new("state-password-0123456789"),
        }
    }

    /// The state that is stored, if any.
    pub(crate) fn state(&self) -> Option<serde_json::Value> {
        let states = self.states.lock().unwrap();
        states.get("/tfstate").map(|state| serde_json::from_slice(state).unwrap())
    }

    pub(crate) fn is_locked(&self) -> bool {
        !self.locks.lock().unwrap().is_empty()
    }

    /// From now on no state is taken.
    pub(crate) fn refuse_states(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }

    /// Somebody else takes the lock.
    pub(crate) fn lock(&self) {
        let info = Bytes::from_static(br#"{"ID":"other","Who":"somebody else"}"#);
        self.locks.lock().unwrap().insert("/tfstate".to_owned(), info);
    }
}

async fn handle(State(server): State<StateServer>, method: Method, uri: Uri, body: Bytes) -> (StatusCode, Bytes) {
    let path = uri.path().to_owned();
    let mut states = server.states.lock().unwrap();
    let mut locks = server.locks.lock().unwrap();
    match method.as_str() {
        "GET" => {
            states.get(&path).map_or((StatusCode::NOT_FOUND, Bytes::new()), |state| (StatusCode::OK, state.clone()))
        }
        "POST" if server.refuses.load(Ordering::Relaxed) => (StatusCode::BAD_REQUEST, Bytes::new()),
        "POST" => {
            states.insert(path, body);
            (StatusCode::OK, Bytes::new())
        }
        "LOCK" => match locks.get(&path) {
            Some(holder) => (StatusCode::LOCKED, holder.clone()),
            None => {
                locks.insert(path, body);
                (StatusCode::OK, Bytes::new())
            }
        },
        "UNLOCK" => {
            locks.remove(&path);
            (StatusCode::OK, Bytes::new())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, Bytes::new()),
    }
}
