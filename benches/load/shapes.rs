//! How the workloads look in which members talk.

use crate::options::Workload;

/// How a workload looks.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// For the table.
    pub name: &'static str,
    /// How many rooms.
    pub rooms: usize,
    /// Members of each.
    pub members: usize,
    /// Messages of each sender that may wait for their echo; 0 with a rate.
    pub window: u32,
    /// Messages a second of the whole workload; 0 means as many as go.
    pub rate: u32,
    /// Servers on the same database.
    pub nodes: usize,
    /// Whether members drop and return meanwhile.
    pub churn: bool,
    /// Whether messages answer others, are changed and reacted to.
    pub lively: bool,
    /// More members of all rooms, who are connected and look at none.
    pub bystanders: usize,
    /// Whether members are programs, and send over HTTP.
    pub programs: bool,
}

impl Shape {
    /// The workload that it is measured beside; without one that is the reference.
    pub fn beside(self) -> Option<Workload> {
        if self.lively {
            Some(Workload::A)
        } else {
            (self.nodes > 1 || self.bystanders > 0 || self.programs).then_some(Workload::B)
        }
    }
}

const PLAIN: Shape = Shape {
    name: "",
    rooms: 1,
    members: 200,
    window: 0,
    rate: 0,
    nodes: 1,
    churn: false,
    lively: false,
    bystanders: 0,
    programs: false,
};

/// The shapes of a workload: one, or none of a silent one, or several.
pub fn shapes(workload: Workload) -> Vec<Shape> {
    let many = Shape {
        name: "B: 50 × 20, 1 in flight each",
        rooms: 50,
        members: 20,
        window: 1,
        ..PLAIN
    };
    match workload {
        Workload::A => vec![Shape {
            name: "A: 1 × 200, 8 in flight",
            window: 8,
            ..PLAIN
        }],
        Workload::B => vec![many],
        Workload::C => vec![Shape {
            name: "C: 1 × 200, 20 messages/s",
            rate: 20,
            ..PLAIN
        }],
        Workload::E => vec![
            Shape {
                name: "E: 1 × 1000, 1 in flight",
                members: 1000,
                window: 1,
                ..PLAIN
            },
            Shape {
                name: "E: 1 × 1000, 16 in flight",
                members: 1000,
                window: 16,
                ..PLAIN
            },
        ],
        Workload::G => vec![Shape {
            name: "G: 1 × 200, 50 messages/s, 50 drops/s",
            rate: 50,
            churn: true,
            ..PLAIN
        }],
        Workload::H => vec![Shape {
            name: "H: B over two nodes",
            nodes: 2,
            ..many
        }],
        Workload::J => vec![Shape {
            name: "J: B with programs, over HTTP",
            programs: true,
            ..many
        }],
        Workload::K => vec![Shape {
            name: "K: A with edits, reactions and replies",
            window: 8,
            lively: true,
            ..PLAIN
        }],
        Workload::L => vec![Shape {
            name: "L: B, and 2,000 members who look at no room",
            bystanders: 2000,
            ..many
        }],
        Workload::D | Workload::F | Workload::I => Vec::new(),
    }
}
