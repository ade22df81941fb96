//! What finding a route costs, with ten routes and with a thousand: the same, or a table has become a list.

use criterion::{Criterion, criterion_group, criterion_main};
use engine::names::RouteId;
use engine::path::normal_form;
use engine::request::{RequestHead, RequestParts, RequestRules};
use engine::route::host::HostPattern;
use engine::route::path::PathPattern;
use engine::route::table::{Conditions, Found, MethodMismatch, Methods, RouteMatch, RouteTable, TrailingSlash};
use http::{HeaderMap, HeaderValue, Method, header};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

/// Each service has an exact, a parameter and a tail route; half of them share one host.
fn table(routes: u32) -> RouteTable {
    let rule = |id: u32| {
        let service = id / 3;
        let path = match id % 3 {
            0 => format!("/v1/service-{service}/orders"),
            1 => format!("/v1/service-{service}/orders/{{id}}"),
            _ => format!("/v1/service-{service}/files/*"),
        };
        let host = if service.is_multiple_of(2) {
            "api.example.com".to_owned()
        } else {
            format!("service-{service}.example.com")
        };
        RouteMatch {
            route: RouteId(id),
            hosts: HostPattern::parse(&host).into_iter().collect(),
            paths: PathPattern::parse(&path).into_iter().collect(),
            methods: Methods::of(vec![Method::GET, Method::POST]),
            conditions: Conditions::default(),
            trailing_slash: TrailingSlash::Strict,
        }
    };
    RouteTable::build((0..routes).map(rule).collect(), MethodMismatch::MethodNotAllowed)
}

fn find(criterion: &mut Criterion) {
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 8192 };
    let headers: HeaderMap = [(header::HOST, HeaderValue::from_static("api.example.com"))].into_iter().collect();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let parts = |target| RequestParts { method: &Method::GET, target, headers: &headers, peer, tls: false };
    for routes in [10, 1_000] {
        let table = table(routes);
        for (name, path, found) in [
            ("exact", "/v1/service-2/orders", true),
            ("param", "/v1/service-2/orders/4711", true),
            ("tail", "/v1/service-0/files/a/b", true),
            ("unknown", "/v1/service-2/nothing", false),
        ] {
            let Ok(head) = RequestHead::parse(parts(path), &rules) else { return };
            assert_eq!(matches!(table.find(&head), Found::Route(_)), found, "{path}");
            criterion.bench_function(&format!("find/{name}/{routes}"), |bencher| {
                bencher.iter(|| table.find(black_box(&head)));
            });
        }
    }
    let target = "/v1/service-2/orders/4711?page=2";
    criterion.bench_function("parse", |bencher| {
        bencher.iter(|| RequestHead::parse(black_box(parts(target)), &rules).is_ok());
    });
    criterion.bench_function("normal_form", |bencher| {
        bencher.iter(|| normal_form(black_box("/v1/service-2/orders/4711")).is_ok());
    });
}

criterion_group!(benches, find);
criterion_main!(benches);
