//! `tests`: requests and what they must get.

use std::net::{IpAddr, Ipv4Addr};

use super::desk::Desk;
use super::names::Names;
use super::patterns;
use crate::diagnostic::Place;
use crate::raw::{self, RawConfig};

/// One test of the config.
#[derive(Clone, Debug)]
pub struct TestCase {
    pub name: String,
    pub place: Place,
    pub request: TestRequest,
    pub expect: Expect,
}

#[derive(Clone, Debug)]
pub struct TestRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<String>,
    pub client: IpAddr,
    /// Seconds since 1970; none is now.
    pub at_unix_s: Option<u64>,
    /// None leaves undecided what an auth service has to decide.
    pub auth_answer: Option<AuthAnswer>,
}

/// What every auth service is taken to answer.
#[derive(Clone, Debug)]
pub struct AuthAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

/// What is not given is not compared.
#[derive(Clone, Debug)]
pub struct Expect {
    /// 200 also stands for "forwarded".
    pub status: Option<u16>,
    pub reason: Option<String>,
    pub route: Option<String>,
    pub upstream: Option<String>,
    /// Path and query.
    pub target: Option<String>,
}

pub(super) fn compile(raw: &RawConfig, names: &Names<'_>, desk: &mut Desk<'_>) -> Vec<TestCase> {
    raw.tests.iter().enumerate().map(|(index, test)| one(test, &format!("/tests/{index}"), names, desk)).collect()
}

fn one(raw: &raw::Scenario, pointer: &str, names: &Names<'_>, desk: &mut Desk<'_>) -> TestCase {
    let (request, expect) = (&raw.request, &raw.expect);
    patterns::header_names(&request.headers, &format!("{pointer}/request/headers"), desk);
    if let Some(answer) = &request.auth_answer {
        patterns::header_names(&answer.headers, &format!("{pointer}/request/authAnswer/headers"), desk);
    }
    if let Some(route) = &expect.route {
        names.route(route, &format!("{pointer}/expect/route"), desk);
    }
    if let Some(upstream) = &expect.upstream {
        names.upstream(upstream, &format!("{pointer}/expect/upstream"), desk);
    }
    TestCase {
        name: raw.name.clone(),
        place: desk.place(&format!("{pointer}/name")),
        request: TestRequest {
            method: request.method.as_ref().map_or_else(|| "GET".to_owned(), |method| method.get().to_string()),
            url: request.url.clone(),
            headers: request.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            body: request.body.clone(),
            client: request.client.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), crate::text::IpAddress::get),
            at_unix_s: request.at.map(crate::text::Moment::unix_seconds),
            auth_answer: request.auth_answer.as_ref().map(|answer| AuthAnswer {
                status: answer.status,
                headers: answer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            }),
        },
        expect: Expect {
            status: expect.status,
            reason: expect.reason.map(|reason| reason.get().code().to_owned()),
            route: expect.route.clone(),
            upstream: expect.upstream.clone(),
            target: expect.target.clone(),
        },
    }
}
