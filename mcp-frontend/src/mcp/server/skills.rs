//! The guide to Hyper's SQL as an agent's skill (SEP-2640).

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, GetSkillResult, ListSkillsResult, Skill, SkillFrontmatter, SkillResource, SkillResources,
};

use super::FIXED_TTL_MS;
use crate::mcp::advice::Offers;
use crate::mcp::resources::{SKILL_DESCRIPTION, SKILL_NAME, Uri, skill};

pub(super) fn list(offers: &Offers) -> ListSkillsResult {
    ListSkillsResult::with_all_items(vec![the_one(offers)])
        .with_ttl_ms(FIXED_TTL_MS)
        .with_cache_scope(CacheScope::Private)
}

pub(super) fn get(offers: &Offers, uri: &str) -> Result<GetSkillResult, ErrorData> {
    if Uri::parse(uri) != Some(Uri::Skill) {
        return Err(ErrorData::invalid_params(
            format!("There is no skill {uri}. There is {}.", Uri::Skill),
            None,
        ));
    }
    Ok(GetSkillResult::new(the_one(offers)))
}

fn the_one(offers: &Offers) -> Skill {
    let uri = Uri::Skill.to_string();
    let file = SkillResource::from_bytes(&uri, skill(offers).as_bytes());
    Skill::new(uri, SkillFrontmatter::new(SKILL_NAME, SKILL_DESCRIPTION), SkillResources::Files(vec![file]))
}
