//! The guide to Hyper's SQL as an agent's skill (SEP-2640).

use rmcp::ErrorData;
use rmcp::model::{
    CacheScope, GetSkillResult, ListSkillsResult, Skill, SkillFrontmatter, SkillResource, SkillResources,
};

use super::FIXED_TTL_MS;
use crate::mcp::resources::{SKILL_DESCRIPTION, SKILL_NAME, Uri, skill};

pub(super) fn list() -> ListSkillsResult {
    ListSkillsResult::with_all_items(vec![the_one()])
        .with_ttl_ms(FIXED_TTL_MS)
        .with_cache_scope(CacheScope::Private)
}

pub(super) fn get(uri: &str) -> Result<GetSkillResult, ErrorData> {
    if Uri::parse(uri) != Some(Uri::Skill) {
        return Err(ErrorData::invalid_params(
            format!("There is no skill {uri}. There is {}.", Uri::Skill),
            None,
        ));
    }
    Ok(GetSkillResult::new(the_one()))
}

fn the_one() -> Skill {
    let uri = Uri::Skill.to_string();
    let file = SkillResource::from_bytes(&uri, skill().as_bytes());
    Skill::new(uri, SkillFrontmatter::new(SKILL_NAME, SKILL_DESCRIPTION), SkillResources::Files(vec![file]))
}
