//! Keys: their memory, their debt when others come, and whose they are.

use std::net::IpAddr;

use fusebox::limiter::{IpKey, IpKeys, Keyed, KeyedRateLimiter, Quota, WhenFull};

use super::at;

/// governor#171, librefang#3668, pubky-homeserver#127, actix-governor#60: a key was never forgotten, so whoever chose keys
/// chose how much memory there was. Ours is given once. (That a check allocates nothing is counted in `benches/icount`.)
#[test]
fn a_million_keys_take_no_more_places_than_there_are() {
    let limiter = Keyed::of(Quota::per_hour(1).constant(), 1_000).seed(1).build::<u64>().unwrap();
    let places = limiter.places();
    assert!((1_000..2_000).contains(&places), "{places}");
    let denied = (0..1_000_000).filter(|key| !limiter.check_at(key, at(1)).is_allowed()).count() as u64;
    // One of 65 536 shares its tag with one of the 14 around it, and with that its quota.
    assert!(denied < 500, "a new key finds a place: {denied} did not");
    assert_eq!(limiter.places(), places);
    let evictions = limiter.keyed_counts().evictions;
    assert!(evictions >= 1_000_000 - denied - places as u64, "{evictions}: all but those that found room");
}

/// rate-net RN-005: a key that was limited lost its place to a flood of others, and came back with a fresh allowance.
#[test]
fn a_limited_key_keeps_its_debt_through_a_flood_of_light_ones() {
    for when_full in [WhenFull::EvictSoonest, WhenFull::Deny] {
        let quota = Quota::per_hour(100).constant();
        let limiter = Keyed::of(quota, 64).seed(1).when_full(when_full).build::<str>().unwrap();
        assert!(limiter.check_n_at("spent", 100, at(1)).is_allowed());
        for stranger in 0..100_000 {
            let _ = limiter.check_at(&format!("stranger {stranger}"), at(1));
            assert!(stranger % 1_000 > 0 || !limiter.check_at("spent", at(1)).is_allowed());
        }
        assert_eq!(limiter.peek_at("spent", at(1)).remaining(), 0, "{when_full:?}");
        assert!(!limiter.check_n_at("spent", 2, at(37)).is_allowed(), "one cell has come back");
        assert!(limiter.check_at("spent", at(37)).is_allowed());
    }
}

/// The same over days, while others ask now and then: what is owed for a week is owed all week.
#[test]
fn a_key_that_owes_for_days_keeps_its_debt_while_others_come_and_go() {
    let quota = Quota::with_period(7, super::secs(7 * 24 * 3_600)).burst(3).constant();
    let limiter = Keyed::of(quota, 1).seed(1).build::<u64>().unwrap();
    assert!(limiter.check_n_at(&0, 3, at(0)).is_allowed());
    for hour in 1..24 {
        let _ = limiter.check_at(&hour, at(3_600 * hour));
        assert!(!limiter.check_at(&0, at(3_600 * hour)).is_allowed(), "hour {hour}");
    }
    let limiter = Keyed::of(quota, 1).seed(1).build::<u64>().unwrap();
    assert!(limiter.check_n_at(&0, 3, at(0)).is_allowed());
    assert!(limiter.check_at(&1, at(211_200)).is_allowed());
    assert_eq!(
        limiter.peek_at(&0, at(211_200)).remaining(),
        2,
        "of three cells two have come back in 2.4 days"
    );
}

/// A key at the end of the clock is denied as a limiter without keys is, and not let through again and again.
#[test]
fn a_new_key_whose_debt_does_not_fit_the_clock_is_denied() {
    let limiter = KeyedRateLimiter::<u64>::new(Quota::per_second(1).burst(10).constant(), 100).unwrap();
    let end = fusebox::time::Instant::from_nanos(u64::MAX);
    assert_eq!((0..100).filter(|key| limiter.check_n_at(key, 10, end).is_allowed()).count(), 0);
}

/// tower-governor, governor#171: an IPv6 host has 2^64 addresses of its own, and so as many quotas.
#[test]
fn all_addresses_of_one_network_share_a_quota() {
    let limiter = KeyedRateLimiter::<IpKey>::new(Quota::per_hour(5).constant(), 1_000).unwrap();
    let keys = IpKeys::new();
    let ask = |address: String| {
        let address: IpAddr = address.parse().expect("an address");
        limiter.check_at(&keys.key(address), at(1)).is_allowed()
    };
    let host = |number: u32| format!("2001:db8:0:1:{:x}:{:x}::1", number % 65_521, number / 7);
    assert_eq!((0..1_000).filter(|number| ask(host(*number))).count(), 5);
    assert!(ask("2001:db8:0:2::1".into()), "another network has a quota of its own");
    assert_eq!((0..10).filter(|_| ask("192.0.2.1".into())).count(), 5);
    assert!(!ask("::ffff:192.0.2.1".into()), "a mapped address is the address it maps");
    assert!(ask("192.0.2.2".into()), "an IPv4 address is one customer");
}
