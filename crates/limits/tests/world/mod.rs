//! Nodes, a store and the network between them, on a clock of their own.

use limits::bucket::{Meter, Take};
use limits::clock::Now;
use limits::keyed::Key;
use limits::lease::{Answer, Ask, Leased, Touch};
use limits::leases::Leases;
use limits::shared::Limit;
use std::collections::BinaryHeap;
use std::time::Duration;

const NODES: usize = 4;
/// How the load falls on the nodes, in sixteenths.
const SKEW: [u64; NODES] = [9, 4, 2, 1];
/// How long a request waits, and an ask.
const DEADLINE_US: u64 = 20_000;
const SWEEP_US: u64 = 100_000;
const START_US: u64 = 1_700_000_000_000_000;
const KEY: Key = Key::from_u128(7);

/// In how many of a thousand messages, or sweeps, something happens.
#[derive(Clone, Copy)]
pub struct Faults {
    pub lost: u64,
    pub doubled: u64,
    pub delay_us_max: u64,
    pub node_dies: u64,
    pub store_forgets: u64,
}

impl Faults {
    pub const NONE: Self = Self { lost: 0, doubled: 0, delay_us_max: 1_500, node_dies: 0, store_forgets: 0 };
    pub const ALL: Self = Self { lost: 50, doubled: 100, delay_us_max: 30_000, node_dies: 100, store_forgets: 100 };
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Request(usize),
    /// A request of that node, which came then, has waited long enough.
    GivesUp(usize, u64),
    AskArrives(usize, usize),
    AnswerArrives(usize, usize),
    AskFails(usize, usize),
    ReturnArrives(u64, u64),
    Sweep,
}

/// The latest comes last: `BinaryHeap` hands out the largest.
type Timed = std::cmp::Reverse<(u64, u64, Event)>;

#[derive(Clone, Copy, Default)]
struct Central {
    meter: Meter,
    used: u64,
    granted: u64,
}

struct Exchange {
    ask: Ask,
    answer: Option<Answer>,
    life: u64,
}

struct Node {
    leases: Leases,
    /// Which life this is: a message to an earlier one reaches nobody.
    life: u64,
    waiting: Vec<u64>,
}

impl Node {
    fn new(life: u64) -> Self {
        Self { leases: Leases::new(16), life, waiting: Vec::new() }
    }
}

pub struct World {
    limit: Limit,
    faults: Faults,
    seed: u64,
    dice: u64,
    now_us: u64,
    events: BinaryHeap<Timed>,
    number: u64,
    nodes: Vec<Node>,
    exchanges: Vec<Exchange>,
    central: Central,
    before: Vec<(u64, Central)>,
    forgotten: u64,
    one_meter: Central,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    offered: u64,
    admitted: u64,
    ideal: u64,
    waited: u64,
    asks: u64,
}

impl World {
    pub fn new(limit: Limit, faults: Faults, seed: u64) -> Self {
        let mut world = Self {
            limit,
            faults,
            seed,
            dice: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            now_us: START_US,
            events: BinaryHeap::new(),
            number: 0,
            nodes: (0..NODES).map(|_| Node::new(0)).collect(),
            exchanges: Vec::new(),
            central: Central::default(),
            before: Vec::new(),
            forgotten: 0,
            one_meter: Central::default(),
            counts: Counts::default(),
        };
        world.after(SWEEP_US, Event::Sweep);
        world
    }

    pub fn offered(&self) -> u64 {
        self.counts.offered
    }

    pub fn admitted(&self) -> u64 {
        self.counts.admitted
    }

    /// What one meter for all nodes would have admitted.
    pub fn ideal(&self) -> u64 {
        self.counts.ideal
    }

    pub fn waited(&self) -> u64 {
        self.counts.waited
    }

    pub fn asks(&self) -> u64 {
        self.counts.asks
    }

    /// What the store counts as granted and not given back.
    pub fn granted(&self) -> u64 {
        self.central.granted
    }

    pub fn mend(&mut self) {
        self.faults = Faults::NONE;
    }

    /// So many requests a second for so long.
    pub fn run(&mut self, per_second: u64, for_us: u64) {
        let end = self.now_us + for_us;
        let mut at = 0;
        loop {
            // Between none and twice the mean gap.
            at += 2_000_000_u64.checked_div(per_second).map_or(for_us, |gap| 1 + self.below(gap));
            if at >= for_us {
                break;
            }
            let mut lot = self.below(16);
            let node = SKEW.iter().position(|part| {
                let hit = lot < *part;
                lot = lot.saturating_sub(*part);
                hit
            });
            self.after(at, Event::Request(node.unwrap_or(0)));
        }
        while self.events.peek().is_some_and(|next| next.0.0 <= end) {
            let Some(std::cmp::Reverse((at, _, event))) = self.events.pop() else { break };
            self.now_us = at;
            self.happen(event);
        }
        self.now_us = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request(node) => {
                self.counts.offered += 1;
                self.counts.ideal += grant(&mut self.one_meter, self.limit, self.now_us, 1).granted;
                let came = self.now_us;
                self.touch(node, Touch::First, came);
            }
            Event::GivesUp(node, came) => self.nodes[node].waiting.retain(|waiting| *waiting != came),
            Event::AskArrives(node, exchange) => {
                let want = self.exchanges[exchange].ask.want;
                self.exchanges[exchange].answer = Some(grant(&mut self.central, self.limit, self.now_us, want));
                let copies = 1 + u64::from(self.chance(self.faults.doubled));
                for _ in 0..copies {
                    self.send(Event::AnswerArrives(node, exchange));
                }
            }
            Event::AnswerArrives(node, exchange) => {
                let Exchange { ask, answer: Some(answer), life } = self.exchanges[exchange] else { return };
                // An answer that nobody expects is thrown away, whatever it granted.
                if life == self.nodes[node].life && self.nodes[node].leases.answered(KEY, ask, answer, self.now()) {
                    for came in std::mem::take(&mut self.nodes[node].waiting) {
                        self.touch(node, Touch::Again, came);
                    }
                }
            }
            Event::AskFails(node, exchange) => {
                if self.exchanges[exchange].life == self.nodes[node].life {
                    self.nodes[node].leases.failed(KEY, self.exchanges[exchange].ask);
                }
            }
            Event::ReturnArrives(requests, _) => give_back(&mut self.central, self.limit, self.now_us, requests),
            Event::Sweep => self.sweep(),
        }
    }

    fn touch(&mut self, node: usize, touch: Touch, came: u64) {
        let leased = self.nodes[node].leases.take(KEY, self.limit, touch, self.now()).expect("room");
        let ask = match leased {
            Leased::Settled(Take::Granted(_), ask) => {
                self.counts.admitted += 1;
                self.check();
                ask
            }
            Leased::Settled(Take::Refused { .. }, ask) => ask,
            Leased::Dry(ask) => {
                if touch == Touch::First {
                    self.counts.waited += 1;
                    self.after(DEADLINE_US, Event::GivesUp(node, came));
                }
                self.nodes[node].waiting.push(came);
                ask
            }
        };
        if let Some(ask) = ask {
            self.counts.asks += 1;
            self.exchanges.push(Exchange { ask, answer: None, life: self.nodes[node].life });
            let exchange = self.exchanges.len() - 1;
            self.send(Event::AskArrives(node, exchange));
            self.after(DEADLINE_US, Event::AskFails(node, exchange));
        }
    }

    fn sweep(&mut self) {
        self.after(SWEEP_US, Event::Sweep);
        self.before.push((self.now_us, self.central));
        if self.chance(self.faults.store_forgets) {
            let index = usize::try_from(self.below(3)).expect("small");
            let back = self.before[self.before.len().saturating_sub(1 + index)].1;
            self.forgotten += self.central.granted.saturating_sub(back.granted);
            self.central = back;
            self.before.clear();
        }
        for node in 0..NODES {
            if self.chance(self.faults.node_dies) {
                self.nodes[node] = Node::new(self.nodes[node].life + 1);
            }
            let (mut returned, now) = (Vec::new(), self.now());
            (0..self.nodes[node].leases.parts())
                .for_each(|part| self.nodes[node].leases.sweep(part, now, &mut returned));
            for returned in returned {
                self.send(Event::ReturnArrives(returned.unused.requests, returned.unused.epoch));
            }
        }
    }

    /// The invariant.
    fn check(&self) {
        let passed_us = self.now_us - START_US;
        let granted = match self.limit {
            Limit::Rate(rate) => rate.burst() + passed_us * rate.milli_per_second() / 1_000_000_000,
            Limit::Count { limit, .. } => limit,
        };
        let (admitted, forgotten) = (self.counts.admitted, self.forgotten);
        assert!(
            admitted <= granted + forgotten,
            "seed {}: {admitted} admitted of {granted} after {passed_us} us, {forgotten} forgotten",
            self.seed
        );
    }

    /// Over the network.
    fn send(&mut self, event: Event) {
        if !self.chance(self.faults.lost) {
            let delay = 100 + self.below(self.faults.delay_us_max);
            self.after(delay, event);
        }
    }

    fn after(&mut self, wait_us: u64, event: Event) {
        self.number += 1;
        self.events.push(std::cmp::Reverse((self.now_us + wait_us, self.number, event)));
    }

    fn now(&self) -> Now {
        Now { monotonic_ns: (self.now_us - START_US) * 1_000 + 86_400_000_000_000, unix_ms: self.now_us / 1_000 }
    }

    fn chance(&mut self, of_thousand: u64) -> bool {
        self.below(1_000) < of_thousand
    }

    fn below(&mut self, end: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice.wrapping_mul(0x2545_f491_4f6c_dd1d) % end.max(1)
    }
}

/// What the store's scripts do.
fn grant(central: &mut Central, limit: Limit, now_us: u64, want: u64) -> Answer {
    let mut answer = Answer {
        granted: 0,
        remaining: 0,
        retry_after: Duration::ZERO,
        reset_after: Duration::from_secs(60),
        epoch: 0,
    };
    match limit {
        Limit::Rate(rate) => {
            let at_ns = (now_us - START_US) * 1_000;
            while answer.granted < want {
                match central.meter.take(rate, at_ns) {
                    Take::Granted(taken) => {
                        answer.granted += 1;
                        answer.remaining = taken.remaining;
                    }
                    Take::Refused { retry_after } => {
                        answer.remaining = 0;
                        answer.retry_after = retry_after;
                        break;
                    }
                }
            }
        }
        Limit::Count { limit, .. } => {
            answer.granted = want.min(limit - central.used);
            central.used += answer.granted;
            answer.remaining = limit - central.used;
            answer.epoch = 1;
            if answer.granted < want {
                answer.retry_after = answer.reset_after;
            }
        }
    }
    central.granted += answer.granted;
    answer
}

fn give_back(central: &mut Central, limit: Limit, now_us: u64, requests: u64) {
    central.granted -= requests.min(central.granted);
    match limit {
        Limit::Rate(rate) => {
            (0..requests).for_each(|_| central.meter.give_back(rate, (now_us - START_US) * 1_000));
        }
        Limit::Count { .. } => central.used = central.used.saturating_sub(requests),
    }
}
