//! What the fuzz targets drive, with fewer bytes and on a stable compiler: no parser panics, whatever comes.

use proptest::prelude::*;

use crate::entries;

/// Bytes that look enough like something to get past the first check.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    // A frame's first byte, a masked length, a mask and a payload; several of them.
    let frame = (
        any::<u8>(),
        0_u8..128,
        any::<[u8; 4]>(),
        prop::collection::vec(any::<u8>(), 0..140),
    );
    let frames = prop::collection::vec(frame, 1..6).prop_map(|frames| {
        let wire = |(first, length, mask, payload): (u8, u8, [u8; 4], Vec<u8>)| {
            [&[first, 0x80 | length][..], &mask, &payload].concat()
        };
        frames.into_iter().flat_map(wire).collect()
    });
    let json = ".{0,80}".prop_map(|body| serde_json::json!({"body": body}).to_string().into_bytes());
    let form = "(username|email|password|first_name)=[ -~é🌙%0-9]{0,60}(&[a-z_]{1,9}=.{0,20}){0,3}";
    let setting = "(https?|redis|postgres)://[ -~]{0,40}|[0-9.:/,]{0,30}|gAAAA[A-Za-z0-9_=-]{0,200}";
    let header = "((__Host-)?umbra[a-z]{0,8}=[A-Za-z0-9_-]{43}|theme=[a-z]{0,6}|\\[?[0-9a-f:.]{2,20}\\]?(:[0-9]{1,6})?)([;,] ?.{0,20}){0,3}";
    let name = "[\\p{L}\\p{M}\\p{N}\\p{Cf}_.\u{3164}\u{115F}\u{2800}-]{1,8}";
    let event =
        "\\[\"revoked\"(,\\{\"room_changed\":\\{\"room\":\"[0-9a-f-]{36}\",\"change\":-?[0-9]{1,20}\\}\\}){0,2}\\]";
    prop_oneof![
        noise,
        frames,
        json,
        header.prop_map(String::into_bytes),
        event.prop_map(String::into_bytes),
        form.prop_map(String::into_bytes),
        setting.prop_map(String::into_bytes),
        name.prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_from_outside_make_the_program_panic(bytes in bytes()) {
        for entry in entries::ALL {
            entry(&bytes);
        }
    }
}
