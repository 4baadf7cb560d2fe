//! What a storm of logins does to everybody else: hashing a password takes a core for tens of milliseconds, on purpose.

use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::auth_service_client::AuthServiceClient;
use flagstone_api::pb::user_service_client::UserServiceClient;
use tonic::Status;
use tonic::transport::Channel;

use crate::Result;
use crate::client::{self, Caller};
use crate::load::{CONNECTIONS, drive};
use crate::machine::Others;
use crate::report::{Aim, Line, Section, rate, time, times};
use crate::stack::{ADMIN, ADMIN_PASSWORD, Options, Stack};
use crate::stats::{Sample, median, median_of};

/// How long one round takes.
const ROUND: Duration = Duration::from_secs(3);

/// Rounds, calm and storm in turns.
const ROUNDS: usize = 3;

/// Callers of GetMe.
const CALLERS: usize = 8;

/// Logins under way at a time: more than can be hashed, fewer than may wait.
const STORM: usize = 32;

/// GetMe while nobody logs in and while everybody does.
pub(crate) async fn login(stack: &Stack) -> Result<Section> {
    let server = Options::default().start(stack).await?;
    let bearer = client::login(server.address).await?;
    let callers = client::callers(server.address, &bearer, CONNECTIONS).await?;
    let mut doors = Vec::new();
    for _ in 0..CONNECTIONS {
        doors.push(client::connect(server.address).await?);
    }
    let others = Others::watch();
    let (mut calm, mut stormy, mut logins) = (Vec::new(), Vec::new(), Vec::new());
    drive(&callers, CALLERS, ROUND / 2, get_me).await?;
    for _ in 0..ROUNDS {
        calm.push(drive(&callers, CALLERS, ROUND, get_me).await?);
        let (during, opened) =
            tokio::try_join!(drive(&callers, CALLERS, ROUND, get_me), drive(&doors, STORM, ROUND, log_in))?;
        stormy.push(during);
        logins.push(opened);
    }
    let others = others.cores();
    server.stop().await;
    let p99 = |rounds: &[Sample]| median_of(rounds, |round| round.quantile(0.99));
    let slower = p99(&stormy).as_secs_f64() / p99(&calm).as_secs_f64().max(f64::EPSILON);
    let lines = vec![
        Line {
            what: format!("Logins, {STORM} at a time"),
            flagstone: rate(median(&logins, Sample::rate)),
            peer: String::new(),
            ratio: String::new(),
            aim: Aim::None,
        },
        Line {
            what: format!("GetMe during the storm, {CALLERS} callers, p99, against calm"),
            flagstone: time(p99(&stormy)),
            peer: time(p99(&calm)),
            ratio: times(slower),
            aim: Aim::below(p99(&stormy), Duration::from_millis(50)),
        },
    ];
    Ok(Section {
        title: "A storm of logins".to_owned(),
        method: "Passwords are argon2id at OWASP's parameters (19 MiB, 2 passes, 1 lane), on at most half of the cores. \
                 The same callers ask GetMe while nobody logs in and while logins come as fast as they are answered; the \
                 load generator runs on the same machine."
            .to_owned(),
        lines,
        others,
    })
}

async fn get_me(caller: Caller) -> Result<(), Status> {
    UserServiceClient::new(caller).get_me(pb::GetMeRequest {}).await.map(drop)
}

async fn log_in(door: Channel) -> Result<(), Status> {
    let request = pb::LoginRequest {
        identifier: ADMIN.to_owned(),
        password: ADMIN_PASSWORD.to_owned(),
        ..pb::LoginRequest::default()
    };
    AuthServiceClient::new(door).login(request).await.map(drop)
}
