//! Which addresses are whose: of the public internet, of this machine, of one link, of a provider.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where providers tell their machines of themselves over IPv6 (AWS); over IPv4 it is on one link.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether a name that looks public may lead there: anywhere but to this machine, to one link, to no
/// single machine, and to a provider's own information.
pub fn may_be_meant(address: IpAddr) -> bool {
    let v4 = |address: Ipv4Addr| {
        !(address.octets()[0] == 0
            || address.octets()[0] >= 224
            || address.is_loopback()
            || address.is_link_local())
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => {
            let is_link_local = address.segments()[0] & 0xffc0 == 0xfe80;
            address.to_ipv4_mapped().map_or_else(
                || {
                    !(address.is_unspecified()
                        || address.is_loopback()
                        || address.is_multicast()
                        || is_link_local
                        || address == METADATA_V6)
                },
                v4,
            )
        }
    }
}

/// Whether an address is one of the public internet: not of this machine, of a private network, of one
/// link, of a provider's own network, nor one that is no single machine's. What carries an address of
/// the older kind inside is judged by that.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
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
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [_, _, _, _, _, _, high, low] = segments;
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match segments {
        // Translated by the network (RFC 6052), and through a 6to4 relay (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(v4(high, low)),
        [0x2002, inner_high, inner_low, ..] => is_public_v4(v4(inner_high, inner_low)),
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
        ] {
            assert_eq!(may_be_meant(address.parse().unwrap()), meant, "{address}");
        }
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_let_through() {
        for (address, public) in [
            ("93.184.216.34", true),
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
