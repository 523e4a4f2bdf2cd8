//! Which addresses are whose: of the public internet, of this machine, of one link, of a provider.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where providers tell their machines of themselves over IPv6 (AWS); over IPv4 it is on one link.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Where other providers do, among addresses that may be anybody's: Azure's agent of its machines,
/// Alibaba Cloud, Oracle Cloud.
const OF_PROVIDERS: [Ipv4Addr; 3] = [
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// Whether a name that looks public may lead there: anywhere but to this machine, to one link, to no
/// single machine, and to a provider's own information. What carries an address of the older kind
/// inside is judged by that.
pub fn may_be_meant(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => may_be_meant_v4(address),
        IpAddr::V6(address) => carried(address).map_or_else(
            || {
                let is_link_local = address.segments()[0] & 0xffc0 == 0xfe80;
                !(address.is_unspecified()
                    || address.is_loopback()
                    || address.is_multicast()
                    || is_link_local
                    || address == METADATA_V6)
            },
            may_be_meant_v4,
        ),
    }
}

fn may_be_meant_v4(address: Ipv4Addr) -> bool {
    !(address.octets()[0] == 0
        || address.octets()[0] >= 224
        || address.is_loopback()
        || address.is_link_local()
        || OF_PROVIDERS.contains(&address))
}

/// Whether an address is one of the public internet: not of this machine, of a private network, of one
/// link, of a provider's own network, nor one that is no single machine's. What carries an address of
/// the older kind inside is judged by that.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => carried(address).map_or_else(|| is_public_v6(address), is_public_v4),
    }
}

/// The address of the older kind that this one carries inside, and that a network leads it to.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // Neither of these two carries anything.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // Mapped, and compatible, which is out of use (RFC 4291); translated by the network (RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        // Through a 6to4 relay (RFC 3056).
        | [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b); // RFC 6598
    let is_for_protocols = a == 192 && b == 0 && c == 0; // RFC 6890
    let is_for_benchmarks = a == 198 && (18..20).contains(&b); // RFC 2544
    !(a == 0
        || a >= 240
        || is_shared
        || is_for_protocols
        || is_for_benchmarks
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || OF_PROVIDERS.contains(&address))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Teredo, documentation, and the rest that is nobody's.
        [0x2001, 0 | 0xdb8, ..] => false,
        // Only this block has been given out (RFC 4291, IANA).
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_host_may_be_private_and_never_this_machine_by_a_public_name() {
        for (address, meant) in [
            ("93.184.216.34", true),
            ("10.0.0.1", true),
            ("100.64.0.1", true),
            ("192.168.1.1", true),
            ("fd12:3456::1", true),
            ("2606:2800:220:1::1", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("fe80::1", false),
            ("ff02::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:169.254.169.254", false),
            ("::ffff:10.0.0.1", true),
            ("168.63.129.16", false),
            ("100.100.100.200", false),
            ("192.0.0.192", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("64:ff9b::a00:1", true),
            ("2002:7f00:1::", false),
            ("2002:a00:1::1", true),
            ("::127.0.0.1", false),
            ("::ffff:168.63.129.16", false),
        ] {
            assert_eq!(may_be_meant(address.parse().unwrap()), meant, "{address}");
        }
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_let_through() {
        for (address, public) in [
            ("93.184.216.34", true),
            ("168.63.129.16", false),
            ("168.63.129.17", true),
            ("64:ff9b::a83f:8110", false),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("0.0.0.0", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:2800:220:1::1", true),
            ("64:ff9b::5db8:d822", true),
            ("64:ff9b::a00:1", false),
            ("2002:a00:1::1", false),
            ("2002:5db8:d822::1", true),
            ("::ffff:10.0.0.1", false),
            ("::ffff:93.184.216.34", true),
            ("::1", false),
            ("::", false),
            ("::10.0.0.1", false),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("2001::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }
}
