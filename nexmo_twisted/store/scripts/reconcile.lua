-- uses time messages queue links attempts completion
-- SMS of unknown outcome for which no receipt came in time.
-- ARGV: now, limit, ms that a receipt may take, policy (resend, park or drop), ranks to report.
-- Returns {sent again, dead letters, dropped, no longer needed, ms until the next or ''}.
local now, patience, policy, ranks = clock(ARGV[1]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local q, resent, parked, dropped, not_needed = names('out'), 0, 0, 0, 0
redis.call('ZREM', q.uncertain, '')   -- draining: a first write that needs no memory lets the others pass
for _, nid in ipairs(redis.call('ZRANGEBYSCORE', q.uncertain, '-inf', int(now - patience), 'LIMIT', 0, ARGV[2])) do
  local item = load_item(q.item .. nid)
  local record = item and item[F.message] and load_message(item[F.message])
  if item and item[F.state] == 'U' then end_attempt_of(nid, item, 'unproven', now) end
  if not item or item[F.state] ~= 'U' then
    redis.call('ZREM', q.uncertain, nid)
  elseif not item[F.message] then      -- an automatic reply is not resent: better lost than doubled
    close_item(q, nid, item, 'uncertain dropped', now)
    dropped = dropped + 1
  elseif not record or record[F.closed]
    or not string.find(ranks, int(record[F.statuses][item[F.lane]] or 0), 1, true) then
    close_item(q, nid, item, 'uncertain ' .. (not record and 'expired' or record[F.closed] or 'read'), now)
    not_needed = not_needed + 1
  elseif policy == 'drop' then
    close_item(q, nid, item, 'uncertain dropped', now)
    dropped = dropped + 1
  elseif policy == 'resend' and item[F.resent] ~= '1' then
    put_back(q, nid, item, item[F.reason] or '', now)
    look_now(q, nid, item, now)
    redis.call('HSET', q.item .. nid, F.resent, '1')
    resent = resent + 1
  else
    set_aside(q, nid, item, 'D', 'uncertain: ' .. (item[F.reason] or 'unknown'), now)
    parked = parked + 1
  end
end
local first = redis.call('ZRANGE', q.uncertain, 0, 0, 'WITHSCORES')[2]
return {resent, parked, dropped, not_needed, first and int(math.max(0, tonumber(first) + patience - now)) or ''}
