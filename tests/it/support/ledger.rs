//! The books of a test: every mutation that was made, held against the audit at the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use prost_reflect::DynamicMessage;
use tokio_postgres::Client;
use tonic::Code;

use super::contract::{self, Method};

/// One mutating call as it was made and answered.
#[derive(Clone, Debug)]
pub struct Made {
    /// What the audit calls it.
    action: String,
    correlation_id: String,
    /// The call's `request_id`: answers of one id are one mutation. Calls without are told apart by correlation id.
    once: String,
    validate_only: bool,
    code: Code,
}

impl Made {
    pub(super) fn new(method: &Method, correlation_id: String, sent: Option<&DynamicMessage>, code: Code) -> Self {
        let text = |field| sent.map(|sent| contract::text(sent, field)).unwrap_or_default();
        let id = text("request_id");
        let validate_only = sent.and_then(|sent| contract::value(sent, "validate_only"));
        Self {
            action: method.policy.audit_action.clone(),
            once: if id.is_empty() { correlation_id.clone() } else { id },
            correlation_id,
            validate_only: validate_only.and_then(|value| value.as_bool()).unwrap_or_default(),
            code,
        }
    }

    /// What finds its audit event. One of another action is no success of this call: a stolen refresh token, for
    /// instance, is refused and ends a session.
    fn event(&self) -> (String, String) {
        (self.correlation_id.clone(), self.action.clone())
    }
}

/// Every mutating call of one test.
#[derive(Debug)]
pub struct Calls {
    mutations: HashMap<String, Method>,
    made: Mutex<Vec<Made>>,
}

impl Default for Calls {
    fn default() -> Self {
        let mutations = contract::methods().into_iter().filter(Method::is_mutation);
        Self { mutations: mutations.map(|method| (method.path.clone(), method)).collect(), made: Mutex::default() }
    }
}

impl Calls {
    /// The mutating method at a path.
    pub(super) fn mutation(&self, path: &str) -> Option<Method> {
        self.mutations.get(path).cloned()
    }

    pub(super) fn record(&self, made: Made) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    /// Holds the calls against the audit: a mutation has one event of success however often it was repeated, a dry run
    /// and a refused call have none. Panics with every call that does not.
    pub async fn check(&self, sql: &Client) {
        let query = "SELECT correlation_id, action FROM audit_events WHERE outcome = 'SUCCESS' AND origin NOT IN ('RUNNER', 'SYSTEM')";
        let mut events = BTreeMap::<(String, String), usize>::new();
        for row in sql.query(query, &[]).await.expect("the audit can be read") {
            *events.entry((row.get(0), row.get(1))).or_default() += 1;
        }
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut wrong = Vec::new();
        let mut mutations = BTreeMap::<String, Vec<Made>>::new();
        for call in made {
            let found = events.get(&call.event()).copied().unwrap_or_default();
            if call.code == Code::Ok && !call.validate_only {
                mutations.entry(call.once.clone()).or_default().push(call);
            } else if found != 0 && is_answer(call.code) {
                wrong.push(format!("{call:?} left {found} audit events of success"));
            }
        }
        for calls in mutations.values() {
            let found: usize = calls.iter().filter_map(|call| events.get(&call.event())).sum();
            if found != 1 {
                wrong.push(format!("{calls:?} left {found} audit events of success, not one"));
            }
        }
        assert!(wrong.is_empty(), "the audit and the calls differ:\n{}", wrong.join("\n"));
    }
}

/// Whether a code says that nothing happened. After the others the caller does not know.
fn is_answer(code: Code) -> bool {
    !matches!(
        code,
        Code::Ok | Code::Unavailable | Code::Unknown | Code::DeadlineExceeded | Code::Cancelled | Code::Internal
    )
}
