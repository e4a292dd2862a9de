use super::{DEVICE, Network, NetworkError, command};

/// A path on which every IP packet vanishes, until it is healed.
///
/// The packets are dropped at the server's end, so the client sees pure silence: its own sending succeeds, nothing
/// is refused or unreachable, and address resolution (ARP) goes on working.
#[derive(Debug)]
pub struct PathLoss<'n> {
    network: &'n Network,
}

impl<'n> PathLoss<'n> {
    /// Drops what travels in either direction, from now on.
    ///
    /// # Errors
    ///
    /// When `nft` is missing or fails.
    pub fn drop_both(network: &'n Network) -> Result<Self, NetworkError> {
        network.server.run(|| {
            command::nft(&format!(
                "table inet path_loss {{
                    chain arriving {{ type filter hook input priority -300; iifname {DEVICE} drop; }}
                    chain leaving {{ type filter hook output priority -300; oifname {DEVICE} drop; }}
                }}"
            ))
        })?;
        Ok(Self { network })
    }

    /// Lets packets through again; those that were dropped stay lost.
    ///
    /// # Errors
    ///
    /// When `nft` fails.
    pub fn heal(self) -> Result<(), NetworkError> {
        self.network.server.run(|| command::nft("delete table inet path_loss"))
    }
}
