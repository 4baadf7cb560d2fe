//! Hostile texts, walked over the contract: in every request one text holds ten megabytes and every other one a quarter of
//! one, and every text and every bytes holds what makes parsers, patterns and pages stumble. Whatever comes back says what is wrong; nothing breaks, and nothing of
//! the size of a message is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flagstone_api::pb::{self, ErrorReason};
use flagstone_server::edge::MESSAGE_MAX;
use futures::StreamExt;
use futures::stream;
use prost::Message;
use prost_reflect::{DynamicMessage, Value};

use crate::lists::words_after;
use crate::support::contract::{Method, TextPath, methods, set};
use crate::support::requests::valid_request;
use crate::support::world::{Cast, World};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp, database};

/// Ten megabytes: what the edge lets in by a few kilobytes, so that the handlers see it.
const LONG: usize = MESSAGE_MAX - 8 * 1024;

const LONG_NAME: &str = "ten megabytes";

/// More than any text of ours may have, and little enough for every text there is.
const LONGISH: usize = 256 * 1024;

/// Characters that mean something to somebody: to SQL's patterns, to eyes that read from left to right, to who counts
/// characters (one outside of the first plane, one with marks on it); then to C and to Postgres, which refuse the NUL.
const ODD: [&str; 2] = ["%a_\u{202e}cba\u{1d518}\u{1f600}e\u{301}", "a\0%_"];

/// Stands in a request where bytes come that are no text; as long as [`NO_TEXTS`].
const PLACE: &str = "@*#*@~";

/// Bytes that are no UTF-8: two lone surrogates, and what no encoding has.
const NO_TEXTS: [&[u8; 6]; 2] = [b"\xed\xa0\x80\xed\xb0\x80", b"\xff\xfe\xc0\x80\xf8\x88"];

/// Panics of this process, which is the server's, too.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A server with a world in it, and those who call.
struct Stage {
    app: TestApp,
    runner: ScriptedRunner,
    world: World,
    nobody: Caller,
}

/// One call of a walk.
struct Call<'a> {
    method: &'a Method,
    path: &'a TextPath,
    what: &'static str,
    request: Bytes,
}

/// What came of a walk.
#[derive(Default)]
struct Told {
    codes: BTreeMap<String, usize>,
    slowest: (Duration, String),
    /// Calls that were answered although they should not have been, or should have been told otherwise.
    wrong: Vec<String>,
    /// Calls that were answered: nobody looked at the text.
    taken: BTreeSet<String>,
}

impl Call<'_> {
    fn name(&self) -> String {
        format!("{} {} {:?}", self.method.name, self.path, self.what)
    }
}

impl Stage {
    async fn start() -> Self {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(panic);
        }));
        let app = TestApp::start().await;
        let runner = ScriptedRunner::start(&app).await;
        let world = World::build(&app, &runner, Cast::of(&app).await).await;
        let nobody = app.user("nobody", &[]).await;
        Self { app, runner, world, nobody }
    }

    /// Who may make a call.
    fn caller(&self, method: &Method) -> Caller {
        match method {
            method if method.is_public() => self.app.anonymous(),
            method if method.is_runners() => self.runner.link.clone(),
            _ => self.world.cast.admin.clone(),
        }
    }

    /// A call that looks right but for one text. What would change something is tried only, where the method can.
    fn request(&self, method: &Method, path: &TextPath, text: &str) -> DynamicMessage {
        let mut request = valid_request(&self.world, method);
        if method.takes("validate_only") {
            set(&mut request, "validate_only", Value::Bool(true));
        }
        path.put(&mut request, text);
        request
    }

    /// Makes calls, so many at a time, and judges each answer.
    async fn walk<'a>(
        &'a self,
        at_a_time: usize,
        calls: impl Iterator<Item = (Caller, Call<'a>)>,
        judge: impl Fn(&Call<'_>, &Result<Bytes, Error>) -> bool,
    ) -> Told {
        let mut told = Told::default();
        let answers = stream::iter(calls).map(|(caller, call)| async move {
            let began = Instant::now();
            let answer = caller.call_bytes(call.method, call.request.clone()).await.map_err(Error::from);
            (call, answer, began.elapsed())
        });
        let mut answers = std::pin::pin!(answers.buffer_unordered(at_a_time));
        while let Some((call, answer, took)) = answers.next().await {
            let name = call.name();
            if answer.is_ok() {
                told.taken.insert(name.clone());
            }
            let code = answer.as_ref().map_or_else(|error| format!("{:?}", error.code), |_| "Ok".to_owned());
            *told.codes.entry(code).or_default() += 1;
            if took > told.slowest.0 {
                told.slowest = (took, name.clone());
            }
            // Every refusal has a reason of ours: one without was not meant.
            let meant = answer.as_ref().err().is_none_or(|error| error.reason.is_some());
            if !meant || !judge(&call, &answer) {
                let answer = answer.map_or_else(|error| format!("{error:?}"), |bytes| format!("{} bytes", bytes.len()));
                told.wrong.push(format!("{name}: {:.600}", answer));
            }
        }
        told
    }

    /// The server stands: nothing panicked, and it answers.
    async fn finish(self) {
        assert_eq!(PANICS.load(Ordering::Relaxed), 0, "panics");
        let me = self.world.cast.admin.users().get_me(pb::GetMeRequest {}).await;
        assert_eq!(me.expect("the server answers").into_inner().username, "admin");
        let longest = database::dump(&self.app.sql).await.lines().map(str::len).max().unwrap_or_default();
        assert!(longest < 1_000_000, "a row of {longest} bytes was kept");
        drop(self.runner);
        self.app.finish_with_jobs().await;
    }
}

impl Told {
    #[track_caller]
    fn print_and_check(&self, what: &str, began: Instant) {
        let calls: usize = self.codes.values().sum();
        let (took, name) = &self.slowest;
        println!(
            "{what}: {calls} calls in {:.1?}: {:?}; the slowest took {took:.1?}: {name}",
            began.elapsed(),
            self.codes
        );
        assert!(self.wrong.is_empty(), "{} of {calls}:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

/// The methods that take one message, and their texts.
fn walked() -> Vec<(Method, Vec<TextPath>)> {
    let is_unary =
        |method: &Method| !method.descriptor.is_client_streaming() && !method.descriptor.is_server_streaming();
    let one = methods().into_iter().filter(is_unary);
    let walked: Vec<_> = one.map(|method| (method.texts(), method)).map(|(texts, method)| (method, texts)).collect();
    let texts: usize = walked.iter().map(|(_, texts)| texts.len()).sum();
    assert!(walked.len() > 100 && texts > 400, "{} methods with {texts} texts", walked.len());
    walked
}

/// Whether a call was let in and refused, or was not let in.
fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::ResourceExhausted
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::NotFound
            // Another etag than that of the object.
            | Code::Aborted
            // What stands in the way whatever the text is: nobody reads it.
            | Code::AlreadyExists
            | Code::FailedPrecondition
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_in_any_text_are_refused_and_the_server_goes_on() {
    let stage = Stage::start().await;
    let walked = walked();
    let (long, longish) = ("x".repeat(LONG), "x".repeat(LONGISH));
    let began = Instant::now();
    let calls = walked.iter().flat_map(|(method, texts)| {
        // Another field of each method: names, texts and ids get their turn.
        let chosen = method.name.len() % texts.len().max(1);
        texts.iter().enumerate().map(move |(index, path)| (method, path, index == chosen))
    });
    let calls = calls.map(|(method, path, is_chosen)| {
        let text = if is_chosen { &long } else { &longish };
        let request = stage.request(method, path, text).encode_to_vec().into();
        (stage.caller(method), Call { method, path, what: LONG_NAME, request })
    });
    let told = stage
        .walk(3, calls, |call, answer| match answer {
            Err(error) => is_refusal(error.code),
            // What only the server says of an object is not read where somebody sends it, and does not come back. A preview
            // names what is wrong by the key of the tag that was sent.
            Ok(bytes) => {
                bytes.len() < 100_000 + if call.method.name == "PreviewRequest" { call.request.len() } else { 0 }
            }
        })
        .await;
    told.print_and_check("ten megabytes", began);
    // Tried, nobody looked at the text. Done, nobody must keep it either: the end looks at what was kept.
    let mut done = 0;
    for (method, path) in walked.iter().flat_map(|(method, texts)| texts.iter().map(move |path| (method, path))) {
        let call = |request| Call { method, path, what: LONG_NAME, request };
        if method.takes("validate_only") && told.taken.contains(&call(Bytes::new()).name()) {
            let mut request = stage.request(method, path, &longish);
            set(&mut request, "validate_only", Value::Bool(false));
            drop(stage.caller(method).call_bytes(method, request.encode_to_vec().into()).await);
            done += 1;
        }
    }
    println!(
        "{} texts that nobody looks at, {done} of them in calls that were done: {:?}",
        told.taken.len(),
        told.taken
    );

    // More than the edge takes, it refuses for every method alike.
    let path = TextPath::default();
    let began = Instant::now();
    let calls = walked.iter().map(|(method, _)| {
        let request = vec![0; MESSAGE_MAX + 1].into();
        (stage.caller(method), Call { method, path: &path, what: "of more than the edge takes", request })
    });
    let told = stage
        .walk(3, calls, |_, answer| {
            answer.as_ref().is_err_and(|error| error.reason == Some(ErrorReason::PayloadTooLarge))
        })
        .await;
    told.print_and_check("more than the edge takes", began);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_characters_and_what_is_no_text_break_nothing() {
    let stage = Stage::start().await;
    let walked = walked();
    let unbroken = |error: &Error| !matches!(error.code, Code::Internal | Code::Unknown | Code::Unavailable);
    let began = Instant::now();
    let pairs = || walked.iter().flat_map(|(method, texts)| texts.iter().map(move |path| (method, path)));
    let calls = pairs().flat_map(|(method, path)| {
        let stage = &stage;
        ODD.into_iter().flat_map(move |odd| {
            let request: Bytes = stage.request(method, path, odd).encode_to_vec().into();
            // Who may nothing gets as far as the door: there only names are read.
            let callers = if odd == ODD[0] {
                vec![stage.caller(method), stage.nobody.clone()]
            } else {
                vec![stage.caller(method)]
            };
            callers.into_iter().map(move |caller| (caller, Call { method, path, what: odd, request: request.clone() }))
        })
    });
    let told = stage.walk(8, calls, |_, answer| answer.as_ref().err().is_none_or(unbroken)).await;
    told.print_and_check("odd characters", began);

    // In the filters of lists, as what a field is compared with.
    let began = Instant::now();
    let path = TextPath::default();
    let calls = walked.iter().filter(|(method, _)| method.takes("filter")).flat_map(|(method, _)| {
        let (stage, path) = (&stage, &path);
        let comparisons = words_after(method, "Filter fields:").into_iter().flat_map(|field| {
            let field = field.replace("<key>", "key");
            ODD.into_iter().flat_map(move |odd| [" = ", " != ", ":"].map(|op| (format!("{field}{op}\"{odd}\""), odd)))
        });
        comparisons.map(move |(filter, odd)| {
            let mut request = valid_request(&stage.world, method);
            set(&mut request, "filter", Value::String(filter));
            (stage.caller(method), Call { method, path, what: odd, request: request.encode_to_vec().into() })
        })
    });
    let told = stage.walk(8, calls, |_, answer| answer.as_ref().err().is_none_or(unbroken)).await;
    told.print_and_check("filters", began);

    let began = Instant::now();
    let calls = pairs().flat_map(|(method, path)| {
        let stage = &stage;
        NO_TEXTS.into_iter().map(move |bytes| {
            let request = replaced(&stage.request(method, path, PLACE).encode_to_vec(), bytes);
            (stage.caller(method), Call { method, path, what: "no UTF-8", request })
        })
    });
    let told = stage
        .walk(8, calls, |call, answer| match answer {
            Err(error) => unbroken(error),
            Ok(_) => call.path.is_bytes(),
        })
        .await;
    told.print_and_check("what is no text", began);
    stage.finish().await;
}

/// A request with bytes in the place that was left for them.
fn replaced(request: &[u8], bytes: &[u8; 6]) -> Bytes {
    let at = request.windows(PLACE.len()).position(|window| window == PLACE.as_bytes()).expect("the place is there");
    [&request[..at], bytes, &request[at + PLACE.len()..]].concat().into()
}
