/* There are no rules of content yet: every letter is accepted whose participants reach the level asked. */
#include "verdict.h"

void verdict_give(const struct verdict_facts *facts, struct verdict_result *result_r)
{
	int level = facts->sender_level < facts->recipient_level ? facts->sender_level : facts->recipient_level;

	*result_r = (struct verdict_result){ .verdict = VERDICT_ACCEPT, .level = level, .reason = "accepted" };
	if (level < facts->level_asked) {
		result_r->verdict = VERDICT_HOLD;
		result_r->reason = "level-too-low";
	}
}
