//! What reading a body costs: 1 KiB and 64 KiB of JSON against a schema, good ones, bad ones, and 64 KiB that come as gzip.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has to stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use engine::names::PolicyId;
use engine::policy::reading::Reading;
use engine::schema::{Formats, Schema};
use engine::trail::Mode;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use std::hint::black_box;
use std::io::Write as _;

fn reading() -> Reading {
    let schema = json!({
        "type": "object",
        "required": ["orderId", "items"],
        "properties": {
            "orderId": { "type": "string", "pattern": "^[A-Z]-[0-9]+$" },
            "items": { "type": "array", "minItems": 1, "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": { "type": "string", "maxLength": 40 },
                    "quantity": { "type": "integer", "minimum": 1 },
                    "price": { "type": "number" },
                    "gift": { "type": ["boolean", "null"] }
                },
                "additionalProperties": false
            } }
        }
    });
    Reading {
        policy: PolicyId(0),
        mode: Mode::Enforce,
        bytes_max: 1 << 20,
        decompressed_bytes_max: 1 << 20,
        depth_max: 64,
        schema: Some(Schema::compile(&schema, Formats::Ignored).expect("a schema")),
    }
}

/// An order of about this many bytes.
fn order(bytes: usize, quantity: &Value) -> Vec<u8> {
    let item = json!({ "sku": "AB-1234-56789", "quantity": quantity, "price": 12.5, "gift": null });
    let count = bytes / (item.to_string().len() + 1);
    json!({ "orderId": "A-1001", "items": vec![item; count.max(1)] }).to_string().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("a vector takes everything");
    encoder.finish().expect("a vector takes everything")
}

fn bodies(criterion: &mut Criterion) {
    let reading = reading();
    let mut group = criterion.benchmark_group("bodies");
    let good =
        [("1KiB", 1_024), ("64KiB", 64 * 1_024)].map(|(name, bytes)| (name.to_owned(), order(bytes, &1.into()), None));
    let bad = ("64KiB, 32 violations".to_owned(), order(64 * 1_024, &0.into()), None);
    let coded = ("64KiB of gzip".to_owned(), gzip(&order(64 * 1_024, &1.into())), Some("gzip"));
    for (name, body, coding) in good.into_iter().chain([bad, coded]) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        let wanted = reading.wants(&Method::POST, &headers).expect("a body is wanted");
        group.throughput(Throughput::Bytes(u64::try_from(body.len()).unwrap_or(u64::MAX)));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(reading.judge(&wanted, black_box(&body)))));
    }
    group.finish();
}

criterion_group!(benches, bodies);
criterion_main!(benches);
