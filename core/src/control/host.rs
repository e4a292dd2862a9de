//! Which machine wrote a record or holds a lock.

/// Whether both texts name the same machine, boot and network: `<name>/<boot>/<network>`, as daemons write them.
///
/// The boot and the network decide, because only they say whether a port can be reached from here. The host's name is for
/// people: DHCP or an administrator may change it while a daemon runs. It decides only where the system tells no boot.
#[must_use]
pub fn is_same_machine(left: &str, right: &str) -> bool {
    match (boot_and_network(left), boot_and_network(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn boot_and_network(host: &str) -> Option<(&str, &str)> {
    // From the end: nothing keeps a slash out of a host's name.
    let mut parts = host.rsplitn(3, '/');
    let (network, boot) = (parts.next()?, parts.next()?);
    parts.next()?;
    (!boot.is_empty()).then_some((boot, network))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "kitchen/6f1c/net:[4026531840]";

    #[test]
    fn a_machine_that_was_renamed_is_still_the_same() {
        assert!(is_same_machine(HERE, "dhcp-17.example/6f1c/net:[4026531840]"));
        assert!(is_same_machine(HERE, "/6f1c/net:[4026531840]"));
        assert!(is_same_machine(HERE, "a/b/6f1c/net:[4026531840]"));
    }

    #[test]
    fn another_boot_or_another_network_is_another_machine() {
        assert!(!is_same_machine(HERE, "kitchen/0a2b/net:[4026531840]"));
        assert!(!is_same_machine(HERE, "kitchen/6f1c/net:[4026532001]"));
        assert!(!is_same_machine(HERE, "kitchen"));
    }

    #[test]
    fn where_no_boot_is_told_the_name_decides() {
        assert!(is_same_machine("kitchen//", "kitchen//"));
        assert!(!is_same_machine("kitchen//", "cellar//"));
        assert!(is_same_machine("here", "here"));
    }
}
