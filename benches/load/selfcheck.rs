//! Whether the checks find what they are there to find. Runs before every measurement: a check that never fails
//! proves nothing.

use std::net::{Ipv4Addr, SocketAddr};

use crate::cluster::Error;
use crate::frames::Stamp;
use crate::member::{Door, Member};
use crate::tally::Tally;

/// The room of the member who checks, and another one.
const HERE: u16 = 3;
const THERE: u16 = 4;

/// Shows a member messages with every fault there is.
pub fn run() -> Result<(), Error> {
    let good = [(HERE, 1), (HERE, 2), (HERE, 3)];
    expect("nothing", &good, [0, 0, 0, 0])?;
    expect("a lost one", &[(HERE, 1), (HERE, 3)], [1, 0, 0, 0])?;
    expect("a doubled one", &[(HERE, 1), (HERE, 2), (HERE, 2)], [0, 1, 0, 0])?;
    expect("two in the wrong order", &[(HERE, 2), (HERE, 1)], [0, 0, 1, 0])?;
    expect("one of another room", &[(HERE, 1), (THERE, 2)], [0, 0, 0, 1])
}

/// Counts lost, doubled, disordered and crossed ones among messages of these rooms with these numbers.
fn expect(what: &str, messages: &[(u16, i64)], wanted: [u64; 4]) -> Result<(), Error> {
    let mut member = Member::listening(Door {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        socket: String::new(),
        cookie: String::new(),
        room: HERE,
        subscribes: None,
    });
    let mut tally = Tally::default();
    for &(room, seq) in messages {
        let stamp = Stamp {
            room,
            sender: 1,
            number: u16::try_from(seq - 1)?,
            nanos: 0,
        };
        let text = format!(
            "<hx-partial data-to=\"{seq}\"><li id=\"m-{seq}\" data-client=\"{}\">",
            stamp.to_uuid()
        );
        let mut frame = vec![0x81, u8::try_from(text.len())?];
        frame.extend_from_slice(text.as_bytes());
        // In two halves, as the network may cut it.
        let (first, second) = frame.split_at(40);
        for bytes in [first, second] {
            member.take(0, bytes, 0, &mut tally);
        }
    }
    let lost = u64::try_from(member.missing.len())?;
    let found = [lost, tally.doubled, tally.disordered, tally.crossed];
    if found == wanted {
        Ok(())
    } else {
        Err(format!("the checks do not find {what}: {found:?}").into())
    }
}
