//! The files by which the fleet's registers are made known to a hub, and their tokens to the fleet.

use std::{
    collections::HashMap,
    io::{Read, Write},
};

use serde::Deserialize;

use crate::world::World;

/// Why there are no tokens.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file cannot be read, or is not `tenant,register,token`.
    #[error("the file of tokens cannot be read: {0}")]
    Csv(#[from] csv::Error),
    /// A register of this world has no token: it was enrolled with another seed or number of registers.
    #[error("the file of tokens has none for {tenant}/{register}: enrol the registers of this seed first")]
    Missing {
        /// Id of its tenant.
        tenant: String,
        /// Its id.
        register: String,
    },
}

#[derive(Deserialize)]
struct TokenRow {
    tenant: String,
    register: String,
    token: String,
}

/// Writes the registers in the form that `kassactl registers enrol --csv` reads.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_registers(world: &World, out: impl Write) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(["tenant", "register", "shop", "time_zone", "families"])?;
    for register in &world.registers {
        let (tenant, shop) = (world.tenant_of(register), world.shop_of(register));
        writer.write_record([&*tenant.id, &register.id, &shop.id, shop.zone.name, register.family.name()])?;
    }
    Ok(writer.flush()?)
}

/// Reads `tenant,register,token` and puts the tokens into the order of the world's registers.
///
/// # Errors
/// See [`TokensError`].
pub fn read_tokens(world: &World, file: impl Read) -> Result<Vec<String>, TokensError> {
    let rows: Result<Vec<TokenRow>, csv::Error> = csv::Reader::from_reader(file).deserialize().collect();
    let rows = rows?.into_iter().map(|row| ((row.tenant, row.register), row.token));
    in_order(world, rows.collect())
}

/// Puts tokens, by tenant and register, into the order of the world's registers.
///
/// # Errors
/// [`TokensError::Missing`]
pub fn in_order(world: &World, mut tokens: HashMap<(String, String), String>) -> Result<Vec<String>, TokensError> {
    let registers = world.registers.iter().map(|register| {
        let key = (world.tenant_of(register).id.clone(), register.id.clone());
        tokens.remove(&key).ok_or(TokensError::Missing { tenant: key.0, register: key.1 })
    });
    registers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_in_the_order_of_the_registers() {
        let world = World::new(1, 3);
        let mut file = Vec::new();
        write_registers(&world, &mut file).unwrap();
        let text = String::from_utf8(file).unwrap();
        assert_eq!(text.lines().count(), 6);
        let mut rows: Vec<_> = text
            .lines()
            .skip(1)
            .map(|line| {
                let mut cells = line.split(',');
                let (tenant, register) = (cells.next().unwrap(), cells.next().unwrap());
                format!("{tenant},{register},secret-{tenant}-{register}\n")
            })
            .collect();
        rows.reverse();
        let tokens = read_tokens(&world, format!("tenant,register,token\n{}", rows.concat()).as_bytes()).unwrap();
        assert_eq!(tokens[0], "secret-chain-kassa-00001");
        let error = read_tokens(&world, "tenant,register,token\n".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("none for chain/kassa-00001"), "{error}");
    }
}
