use super::*;

/// A little later than now, so that what was just done is before it.
fn after(time: Duration) -> Instant {
    Instant::now() + time + Duration::from_millis(1)
}

#[test]
fn a_person_counts_once_however_many_sockets_and_nodes() {
    let (presence, room, [alice, bob]) = (Presence::default(), RoomId::new(), [UserId::new(), UserId::new()]);
    presence.enter(Some(room), alice, false);
    presence.enter(Some(room), alice, false);
    let now = Instant::now();
    assert!(presence.receive_report(
        NodeId::new(),
        3,
        HashSet::from([(Some(room), alice), (Some(room), bob)]),
        now
    ));
    assert!(presence.receive_report(NodeId::new(), 1, HashSet::from([(Some(room), bob), (None, bob)]), now));
    assert_eq!((presence.count(room), presence.everybody()), (2, 2));
    assert_eq!(presence.sockets_elsewhere(), 4);
    assert_eq!(presence.here(), [(Some(room), alice)]);
    assert_eq!(presence.count_with(room, bob), 2);
    assert_eq!(presence.count_with(room, UserId::new()), 3);
}

#[test]
fn a_reload_does_not_blink_and_who_stays_away_leaves() {
    let (presence, room, user) = (Presence::default(), RoomId::new(), UserId::new());
    presence.enter(Some(room), user, false);
    assert_eq!(presence.take_moves(Instant::now()).came, [(Some(room), user)]);
    presence.leave(Some(room), user);
    presence.enter(Some(room), user, false);
    assert_eq!(presence.take_moves(after(GRACE)), Moves::default());
    assert_eq!(presence.count(room), 1);

    presence.leave(Some(room), user);
    assert_eq!(presence.take_moves(Instant::now()), Moves::default());
    assert_eq!(presence.count(room), 1);
    let moves = presence.take_moves(after(GRACE));
    assert_eq!(
        (moves.left, moves.rooms),
        (vec![(Some(room), user)], HashSet::from([room]))
    );
    assert_eq!(presence.count(room), 0);
}

#[test]
fn who_hides_is_online_for_nobody() {
    let (presence, room, [alice, bob]) = (Presence::default(), RoomId::new(), [UserId::new(), UserId::new()]);
    let (at_alice, at_bob) = ((Some(room), alice), (Some(room), bob));
    presence.enter(Some(room), alice, true);
    presence.enter(Some(room), bob, false);
    let moves = presence.take_moves(Instant::now());
    assert_eq!((moves.came, moves.left), (vec![at_bob], vec![]));
    assert_eq!((presence.count(room), presence.everybody()), (1, 1));
    assert_eq!(presence.here(), [at_bob]);

    // Both at once, and both back before anybody was told.
    for hides in [[false, true], [true, false], [false, true]] {
        presence.set_hidden(alice, hides[0]);
        presence.set_hidden(bob, hides[1]);
    }
    let moves = presence.take_moves(Instant::now());
    assert!(moves.came.contains(&at_alice) && !moves.came.contains(&at_bob));
    assert!(moves.left.contains(&at_bob) && !moves.left.contains(&at_alice));
    assert_eq!(presence.here(), [at_alice]);

    // Who hides also leaves unseen, and another page of theirs does not show them.
    presence.enter(Some(room), bob, true);
    presence.leave(Some(room), bob);
    presence.leave(Some(room), bob);
    assert_eq!(presence.take_moves(after(GRACE)), Moves::default());
    assert_eq!(presence.count(room), 1);
    assert!(presence.lock().here.len() == 1, "nothing is kept of it");
}

#[test]
fn somebody_is_online_as_long_as_they_are_anywhere() {
    let (presence, room, [alice, bob]) = (Presence::default(), RoomId::new(), [UserId::new(), UserId::new()]);
    let online = || presence.online_among([alice, bob]);
    presence.enter(Some(room), alice, false);
    presence.enter(None, alice, false);
    presence.enter(Some(room), bob, true);
    assert_eq!(online(), HashSet::from([alice]));
    presence.leave(Some(room), alice);
    presence.take_moves(after(GRACE));
    assert_eq!(online(), HashSet::from([alice]));
    presence.leave(None, alice);
    presence.take_moves(after(GRACE));
    assert_eq!((online(), presence.everybody()), (HashSet::new(), 0));
}

#[test]
fn the_grace_begins_anew_with_every_leave() {
    let (presence, room, user) = (Presence::default(), RoomId::new(), UserId::new());
    presence.enter(Some(room), user, false);
    presence.leave(Some(room), user);
    let first = after(GRACE);
    std::thread::sleep(Duration::from_millis(5));
    presence.enter(Some(room), user, false);
    presence.leave(Some(room), user);
    assert_eq!(presence.take_moves(first).left, []);
    assert_eq!(presence.take_moves(after(GRACE)).left, [(Some(room), user)]);
}

#[test]
fn the_last_report_counts_and_a_silent_node_is_dead() {
    let (presence, room, [alice, bob]) = (Presence::default(), RoomId::new(), [UserId::new(), UserId::new()]);
    let (node, now) = (NodeId::new(), Instant::now());
    let report = |people: &[Place], now| presence.receive_report(node, 1, people.iter().copied().collect(), now);
    assert!(report(&[(Some(room), alice)], now));
    assert_eq!(presence.take_moves(now).rooms, HashSet::from([room]));
    assert!(!report(&[(Some(room), alice)], now));
    assert_eq!(presence.take_moves(now), Moves::default(), "nothing new");

    let online = || presence.lock().online[&Some(room)].keys().copied().collect::<Vec<_>>();
    let moves = || (std::iter::once((Some(room), bob)), std::iter::once((Some(room), alice)));
    // A report may come twice.
    for _ in 0..2 {
        presence.receive_moves(node, moves().0, moves().1);
    }
    assert_eq!(online(), [bob]);
    assert!(!report(&[(Some(room), alice)], now));
    assert_eq!(online(), [alice]);

    assert!(!report(&[(Some(room), alice)], now + NODE_TIMEOUT));
    presence.take_moves(now + NODE_TIMEOUT);
    assert_eq!(presence.count(room), 1, "it reported again");
    assert_eq!(presence.take_moves(now + NODE_TIMEOUT * 2).rooms, HashSet::from([room]));
    assert_eq!((presence.count(room), presence.sockets_elsewhere()), (0, 0));
    assert!(presence.lock().online.is_empty(), "nothing is kept of it");
}
