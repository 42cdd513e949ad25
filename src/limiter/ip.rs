//! Keys for addresses: what one customer holds of an address, and not each of the addresses it can choose from.

use core::net::{IpAddr, Ipv6Addr};

use crate::invalid::{InvalidPolicy, Value, refuse_unless};

/// How addresses become keys: an IPv4 address is itself, an IPv6 address its network, of /64 unless told otherwise.
///
/// A host on IPv6 usually has a whole /64 to choose from, so a quota for each address would be none at all; some providers
/// give out a /56 or a /48. An IPv4 address mapped into IPv6 (`::ffff:a.b.c.d`) is its IPv4 address.
///
/// # Examples
/// ```
/// use fusebox::limiter::{IpKey, IpKeys, KeyedRateLimiter, Quota};
///
/// let limiter = KeyedRateLimiter::<IpKey>::new(Quota::per_minute(1).constant(), 10_000)?;
/// let keys = IpKeys::new();
/// assert!(limiter.check(&keys.key("2001:db8::1".parse().unwrap())).is_allowed());
/// assert!(!limiter.check(&keys.key("2001:db8::2".parse().unwrap())).is_allowed());
/// assert_eq!(keys.key("::ffff:192.0.2.1".parse().unwrap()), keys.key("192.0.2.1".parse().unwrap()));
/// # Ok::<(), fusebox::InvalidPolicy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpKeys {
    prefix: u32,
}

/// Who asks, as far as an address says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpKey(IpAddr);

impl IpKeys {
    /// IPv6 by /64.
    #[must_use]
    pub const fn new() -> Self {
        Self { prefix: 64 }
    }

    /// IPv6 by the first `prefix` bits, from 1 to 128.
    ///
    /// # Errors
    /// Another `prefix`.
    pub const fn with_prefix(prefix: u32) -> Result<Self, InvalidPolicy> {
        refuse_unless!(
            prefix >= 1 && prefix <= 128,
            "prefix",
            Value::Count(prefix as u64),
            "must be from 1 to 128 bits"
        );
        Ok(Self { prefix })
    }

    /// The key of an address.
    #[must_use]
    pub const fn key(&self, address: IpAddr) -> IpKey {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << (u128::BITS - self.prefix));
                IpKey(IpAddr::V6(Ipv6Addr::from_bits(network)))
            }
            v4 @ IpAddr::V4(_) => IpKey(v4),
        }
    }
}

impl Default for IpKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl IpKey {
    /// The address, or the first one of the network.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.0
    }
}
