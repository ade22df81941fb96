//! The program under test, requests as bytes, and what all scenarios of a refusal have in common.

use engine::reason::Reason;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use testkit::client::{Connection, DEADLINE, Response};
use testkit::gateway::{Builder, Gateway};
use testkit::upstream::echo;
use tokio::time::{sleep, timeout};

/// The host of requests that name no other.
pub const HOST: &str = "a.example";

pub fn gateway(config: &str) -> Builder {
    testkit::gateway::gateway(env!("CARGO_BIN_EXE_tollgate"), config)
}

/// With one upstream that echoes.
pub async fn with_echo(config: &str) -> Gateway {
    gateway(config).upstream(echo()).start().await
}

/// A request as it goes over the wire; fields are lines without their ends. A body brings its Content-Length along.
pub fn request(method: &str, target: &str, fields: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !fields.iter().any(|field| field.to_ascii_lowercase().starts_with("host:")) {
        text.extend(["Host: ", HOST, "\r\n"]);
    }
    for field in fields {
        text.extend([field, "\r\n"]);
    }
    if !body.is_empty() {
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    text.extend(["\r\n", body]);
    text.into_bytes()
}

pub fn get(target: &str, fields: &[&str]) -> Vec<u8> {
    request("GET", target, fields, "")
}

/// All values of a field that the echoing upstream got.
pub fn told_all(response: &Response, name: &str) -> Vec<String> {
    assert_eq!(response.status, 200, "{response}");
    let seen = response.json();
    let fields = seen["headers"].as_array().unwrap().iter();
    let named = fields.filter(|field| field[0].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name)));
    named.map(|field| field[1].as_str().unwrap_or_default().to_owned()).collect()
}

/// The value of a field that it may have got once.
pub fn told(response: &Response, name: &str) -> Option<String> {
    let values = told_all(response, name);
    assert!(values.len() < 2, "{name} twice: {values:?}");
    values.into_iter().next()
}

/// Asks again and again, until there is an answer or the deadline passes.
pub async fn until<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, asking).await.unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

pub type Doing<'a> = Pin<Box<dyn Future<Output = Seen> + 'a>>;

/// How a request ends in a refusal.
pub enum Steps {
    /// This is sent, and refused.
    Send(Vec<u8>),
    /// This is sent so often and answered 200; once more, and it is refused.
    After(u32, Vec<u8>),
    Do(fn(&Gateway) -> Doing<'_>),
}

/// What the client got.
pub enum Seen {
    /// The refusal.
    Refusal(Response),
    /// The beginning of upstream's own answer.
    Beginning(Response),
    /// The client had gone.
    Nothing,
}

/// One way to a reason.
pub struct Scenario {
    pub reason: Reason,
    pub what: &'static str,
    pub route: Option<&'static str>,
    pub policy: Option<&'static str>,
    pub steps: Steps,
}

impl Scenario {
    pub const fn new(reason: Reason, what: &'static str, steps: Steps) -> Self {
        Self { reason, what, route: None, policy: None, steps }
    }

    pub const fn on(mut self, route: &'static str) -> Self {
        self.route = Some(route);
        self
    }

    pub const fn by(mut self, policy: &'static str) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Plays it and checks all that the gateway says about it: to the client, to the log, to the metrics.
    pub async fn play(&self, gateway: &Gateway) {
        self.play_by(gateway, async |bytes| self.send(gateway, bytes).await).await;
    }

    /// As [`Self::play`], where requests are sent in a way of the caller's own.
    pub async fn play_by(&self, gateway: &Gateway, exchange: impl AsyncFn(&[u8]) -> Response) {
        let before = self.counted(gateway).await;
        let (seen, sent) = match &self.steps {
            Steps::Send(bytes) => (Seen::Refusal(exchange(bytes).await), bytes.as_slice()),
            Steps::After(times, bytes) => {
                for _ in 0..*times {
                    let response = exchange(bytes).await;
                    assert_eq!(response.status, 200, "{}: {response}", self.what);
                }
                (Seen::Refusal(exchange(bytes).await), bytes.as_slice())
            }
            Steps::Do(steps) => (steps(gateway).await, [].as_slice()),
        };
        let line = match &seen {
            Seen::Refusal(response) => {
                self.check_refusal(response, sent);
                self.line_of(gateway, response).await
            }
            Seen::Beginning(response) => {
                assert!(response.status == 200 && response.cut.is_some(), "{}: {response}", self.what);
                self.line_of(gateway, response).await
            }
            Seen::Nothing => self.only_line(gateway).await,
        };
        self.check_line(&line, &seen);
        let after = self.counted(gateway).await;
        assert!((after - before - 1.0).abs() < 1e-9, "{}: counted {before}, then {after}; {line}", self.what);
    }

    async fn send(&self, gateway: &Gateway, bytes: &[u8]) -> Response {
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        match connection.exchange(bytes).await {
            Ok(response) => response,
            Err(fault) => panic!("{}: no response: {fault}", self.what),
        }
    }

    fn check_refusal(&self, response: &Response, sent: &[u8]) {
        let (what, kind) = (self.what, self.reason.kind());
        assert_eq!(response.status, self.reason.status(), "{what}: {response}");
        let id = response.header("x-request-id").unwrap_or_default();
        assert!(!id.is_empty(), "{what}: no request ID in {response}");
        if sent.starts_with(b"HEAD ") {
            assert!(response.body.is_empty(), "{what}: {response}");
            return;
        }
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{what}: {response}");
        let problem = response.json();
        assert_eq!(problem["code"], kind.code(), "{what}: {response}");
        assert_eq!(problem["status"], kind.status(), "{what}: {response}");
        assert_eq!(problem["title"], kind.title(), "{what}: {response}");
        assert_eq!(problem["detail"], self.reason.detail(), "{what}: {response}");
        assert_eq!(problem["instance"], format!("urn:request:{id}"), "{what}: {response}");
        assert_eq!(problem["requestId"], id, "{what}: {response}");
        // The exact reason is the operator's; a client is told the kind alone.
        let told = problem.as_object().unwrap().values();
        let same = kind.code() == self.reason.code();
        assert!(same || told.into_iter().all(|value| value != self.reason.code()), "{what}: {response}");
    }

    async fn line_of(&self, gateway: &Gateway, response: &Response) -> Value {
        let id = response.header("x-request-id").unwrap_or_default();
        assert!(!id.is_empty(), "{}: no request ID in {response}", self.what);
        gateway.log_line(id).await
    }

    /// The line about a client that cannot know its request's ID.
    async fn only_line(&self, gateway: &Gateway) -> Value {
        let reason = self.reason.code();
        until(self.what, async || gateway.log_lines().into_iter().find(|line| line["reason"] == reason)).await
    }

    fn check_line(&self, line: &Value, seen: &Seen) {
        let what = self.what;
        let status = match seen {
            Seen::Refusal(response) | Seen::Beginning(response) => response.status,
            Seen::Nothing => self.reason.status(),
        };
        assert_eq!(line["status"], status, "{what}: {line}");
        assert_eq!(line["kind"], self.reason.kind().code(), "{what}: {line}");
        assert_eq!(line["reason"], self.reason.code(), "{what}: {line}");
        assert_eq!(line["route"].as_str(), self.route, "{what}: {line}");
        assert_eq!(line["policy"].as_str(), self.policy, "{what}: {line}");
        assert_eq!(line["client"], "127.0.0.1", "{what}: {line}");
    }

    async fn counted(&self, gateway: &Gateway) -> f64 {
        let (route, policy) = (self.route.unwrap_or("-"), self.policy.unwrap_or("-"));
        let (kind, reason) = (self.reason.kind().code(), self.reason.code());
        let labels = [("route", route), ("policy", policy), ("kind", kind), ("reason", reason)];
        gateway.metric("tollgate_denials_total", &labels).await
    }
}

pub async fn play(gateway: &Gateway, scenarios: &[Scenario]) {
    for scenario in scenarios {
        scenario.play(gateway).await;
    }
}
