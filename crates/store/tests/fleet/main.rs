//! Several nodes against a real Redis: counts, deadlines, outages. What the nodes do between each other is simulated in `limits`.

#![expect(clippy::expect_used, clippy::panic, reason = "a broken expectation ends the test")]

mod accuracy;
mod nodes;
mod outage;
mod scripts;
mod servers;
