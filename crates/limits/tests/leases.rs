//! Several nodes and one store, simulated: messages are late, are lost, arrive twice; nodes die; the store forgets its last writes.
//! Everything comes from a seed, and every failure names it.
//!
//! What must hold at every moment: admitted <= burst + rate * time + grants that the store forgot.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "figures of a simulation, and a broken expectation ends it"
)]

mod world;

use limits::bucket::Rate;
use limits::shared::Limit;
use limits::window::Period;
use world::{Faults, World};

fn rate(per_second: u64, burst: u64) -> Limit {
    Limit::Rate(Rate::new(per_second * 1_000, burst).expect("within bounds"))
}

const QUOTA: Limit = Limit::Count { limit: 5_000, period: Period::Day };

/// Ten seconds of these requests a second, and what was admitted of what one meter for all would have admitted.
fn accuracy(limit: Limit, offered: u64, seed: u64) -> f64 {
    let mut world = World::new(limit, Faults::NONE, seed);
    world.run(offered, 10_000_000);
    world.admitted() as f64 / world.ideal() as f64
}

#[test]
fn skewed_load_is_admitted_within_two_percent_of_what_one_meter_admits() {
    for (limit, offered) in [
        (rate(1_000, 1_000), 900),
        (rate(1_000, 1_000), 3_000),
        (rate(100, 100), 90),
        (rate(100, 100), 300),
        (rate(10_000, 2_000), 9_000),
        (rate(10_000, 2_000), 30_000),
        (rate(50, 20), 150),
        (QUOTA, 450),
        (QUOTA, 1_500),
    ] {
        for seed in 0..5 {
            let share = accuracy(limit, offered, seed);
            assert!((0.98..=1.02).contains(&share), "{limit:?} at {offered}, seed {seed}: {share}");
        }
    }
}

#[test]
fn requests_do_not_wait_once_the_load_is_steady_and_below_the_limit() {
    for seed in 0..5 {
        let mut world = World::new(rate(1_000, 1_000), Faults::NONE, seed);
        world.run(900, 1_000_000);
        let before = (world.offered(), world.waited());
        world.run(900, 10_000_000);
        let share = (world.waited() - before.1) as f64 / (world.offered() - before.0) as f64;
        assert!(share < 0.02, "seed {seed}: {share} of the requests waited");
        let calls = world.asks() as f64 / world.offered() as f64;
        assert!(calls < 0.2, "seed {seed}: {calls} calls a request");
    }
}

/// [`World::run`] checks the invariant at each admission.
#[test]
fn no_fault_makes_the_nodes_admit_more_than_was_granted() {
    for seed in 0..150 {
        for limit in [rate(1_000, 1_000), rate(200, 40), QUOTA] {
            let mut world = World::new(limit, Faults::ALL, seed);
            world.run(2_500, 1_500_000);
            assert!(world.admitted() > 0, "seed {seed}");
        }
    }
}

#[test]
fn after_the_faults_all_is_as_before() {
    for seed in 0..20 {
        let mut world = World::new(rate(1_000, 1_000), Faults::ALL, seed);
        world.run(2_500, 1_000_000);
        world.mend();
        world.run(3_000, 500_000);
        let before = world.admitted();
        world.run(3_000, 4_000_000);
        let rate = (world.admitted() - before) as f64 / 4.0;
        assert!((980.0..=1_020.0).contains(&rate), "seed {seed}: {rate} a second");
    }
}

#[test]
fn what_idle_nodes_held_is_given_back() {
    for seed in 0..20 {
        let mut world = World::new(QUOTA, Faults::NONE, seed);
        world.run(400, 2_000_000);
        world.run(0, 3_000_000);
        assert_eq!(world.granted(), world.admitted(), "seed {seed}");
    }
}
