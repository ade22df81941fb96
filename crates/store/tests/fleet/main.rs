//! Several nodes against a real Redis: counts, deadlines, outages. What the nodes do between each other is simulated in `limits`.

mod accuracy;
mod nodes;
mod outage;
mod scripts;
mod servers;
