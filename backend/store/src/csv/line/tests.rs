use super::*;
use common::{OrderId, Reason, StoreId, Timestamp};
use proptest::prelude::*;

fn sold() -> Entry {
    Entry {
        seq: Seq(5),
        at: Timestamp::from_micros(1_769_860_800_000_001),
        kind: Kind::Sold,
        item: "2".parse().unwrap(),
        line: GroupPosition::ONLY,
        quantity: "1".parse().ok(),
        change: -1,
        stock_after: "499".parse().ok(),
        order: "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e".parse().ok(),
        unit_cost: "40".parse().ok(),
        reason: None,
        title: Some("RPCs for Dummies".into()),
        description: None,
    }
}

fn described(title: &str, author: Option<&str>) -> Entry {
    let description = Description {
        author: author.map(Into::into),
        ..Description::new(title)
    };
    Entry {
        kind: Kind::Set,
        quantity: None,
        order: None,
        title: Some(title.into()),
        description: Some(Box::new(description)),
        ..sold()
    }
}

fn written(entry: &Entry, batch: Seq) -> Vec<u8> {
    let mut buffer = Vec::new();
    push_entry(&mut buffer, entry, batch);
    assert_eq!(buffer.pop(), Some(b'\n'));
    buffer
}

#[test]
fn an_entry_is_written_as_the_contract_says() {
    let line = written(&sold(), Seq(4));
    let text = str::from_utf8(&line).unwrap();
    let checked = "5,2026-01-31T12:00:00.000001Z,sold,2,,,1,-1,499,0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e,40.00,,RPCs for Dummies,,,4";
    assert_eq!(text, format!("{checked},{:08x}", crc32c::crc32c(checked.as_bytes())));
    let line = Entry {
        line: GroupPosition::new(2, 3).unwrap(),
        ..described("a \"b\", c", Some("\"d\""))
    };
    let line = String::from_utf8(written(&line, Seq(4))).unwrap();
    let start = "5,2026-01-31T12:00:00.000001Z,set,2,2,3,,-1,499,,40.00,,\"a \"\"b\"\", c\",\"a \"\"b\"\", c\",\"\"\"d\"\"\",4,";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn a_line_of_format_1_is_read() {
    let checked = "5,2026-01-31T12:00:00.000001Z,sold,2,1,-1,499,0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e,40.00,,4";
    let bytes = format!("{checked},{:08x}", crc32c::crc32c(checked.as_bytes()));
    let line = Line::parse(bytes.as_bytes()).unwrap();
    let entry = Entry { title: None, ..sold() };
    assert_eq!(
        (line.entry(&mut SharedTexts::default()).unwrap(), line.batch().unwrap()),
        (entry, Seq(4))
    );
}

#[test]
fn an_entry_is_read_back_equal() {
    let refused = Entry {
        kind: Kind::Refused,
        change: 0,
        stock_after: None,
        unit_cost: None,
        reason: Some(Reason::UnknownItem),
        ..sold()
    };
    let withdrawn = Entry {
        kind: Kind::Withdrawn,
        quantity: None,
        order: None,
        ..sold()
    };
    let basket = Entry {
        line: GroupPosition::new(20, 20).unwrap(),
        title: None,
        ..sold()
    };
    for entry in [sold(), refused, withdrawn, basket] {
        let bytes = written(&entry, Seq(3));
        let line = Line::parse(&bytes).unwrap();
        assert_eq!(
            (line.entry(&mut SharedTexts::default()).unwrap(), line.batch().unwrap()),
            (entry, Seq(3))
        );
    }
}

#[test]
fn a_marker_is_read_back_equal() {
    let digest = Digest::of(Some(b"books"));
    let marker = Marker {
        is_restore: false,
        seq: Seq(9),
        at: sold().at,
        store: StoreId::generate(),
        replaced: Digest(None),
        new: digest,
    };
    let restoring = Marker {
        is_restore: true,
        new: Digest(None),
        ..marker
    };
    for marker in [marker, restoring] {
        let mut buffer = Vec::new();
        push_marker(&mut buffer, &marker, Seq(10));
        let line = Line::parse(buffer.strip_suffix(b"\n").unwrap()).unwrap();
        assert!(line.is_marker());
        assert_eq!((line.marker().unwrap(), line.batch().unwrap()), (marker, Seq(10)));
    }
}

#[test]
fn any_flipped_bit_and_any_missing_byte_is_noticed() {
    let good = written(&sold(), Seq(5));
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(Line::parse(&bad).is_err(), "bit {bit} of byte {at}");
        }
        assert!(Line::parse(&good[..at]).is_err(), "cut to {at} bytes");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_back_equal(title in "[ -~é戰]{1,20}|[\",a]{1,9}", author in proptest::option::of("[\", ab]{1,9}")) {
        let entry = described(&title, author.as_deref());
        let bytes = written(&entry, Seq(1));
        prop_assert_eq!(Line::parse(&bytes).unwrap().entry(&mut SharedTexts::default()).unwrap(), entry);
    }

    #[test]
    fn any_order_id_is_read_back_equal(bits: u128) {
        let entry = Entry { order: Some(OrderId::from(uuid::Uuid::from_u128(bits))), ..sold() };
        let bytes = written(&entry, Seq(1));
        prop_assert_eq!(Line::parse(&bytes).unwrap().entry(&mut SharedTexts::default()).unwrap(), entry);
    }
}
