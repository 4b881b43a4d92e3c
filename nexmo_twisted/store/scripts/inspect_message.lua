-- uses time messages queue inspection
-- All that is known of one message, as of one moment. ARGV: now, mid.
-- Returns {now, since when sending is suspended or '', why, when the check is due or '', record, user, status,
-- user, status ..., user, outcome ..., entries}; record = {why it is closed, when, due, delay, sender, open,
-- conversation, id of the message if it has one of its own}, absent ones '', or empty when there is none.
local now, mid = clock(ARGV[1]), ARGV[2]
local q, record = names('out'), load_message(mid)
local values, ranks, outcomes, entries = {}, {}, {}, {}
if record then
  if record[F.open] then gather(mid, record) end
  for i, field in ipairs({F.closed, F.closed_at, F.due, F.delay, F.sender, F.open}) do
    local value = record[field]
    values[i] = type(value) == 'number' and int(value) or value or ''
  end
  values[#values + 1] = conversation_of(record)
  values[#values + 1] = record[F.message_id] or ''
  for user, rank in pairs(record[F.statuses] or {}) do
    ranks[#ranks + 1] = user
    ranks[#ranks + 1] = int(rank)
    local nid = nid_of(mid, user)
    if redis.call('EXISTS', q.item .. nid) == 1 then entries[#entries + 1] = entry_of(q, nid) end
  end
  for user, outcome in pairs(record[F.outcomes] or {}) do
    outcomes[#outcomes + 1] = user
    outcomes[#outcomes + 1] = outcome
  end
end
return {int(now), redis.call('HGET', K.suspended, F.since) or '', redis.call('HGET', K.suspended, F.why) or '',
        redis.call('ZSCORE', K.due, mid) or '', values, ranks, outcomes, entries}
