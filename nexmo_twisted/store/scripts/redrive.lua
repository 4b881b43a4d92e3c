-- uses time messages queue links attempts completion
-- An operator wants items that were set aside to be tried again, as if they had just fallen due: they come back to
-- their place. What may have been sent before only goes out when the operator confirmed it, and what is not needed any
-- more is closed.
-- ARGV: now, queue, ranks to report, 1 when confirmed, then ids.
-- Returns for each {answer, ms until its lane is looked at}; answer is DONE, DOUBTFUL (to be confirmed), WAITING (it is
-- not set aside), UNKNOWN, or why it is not needed.
local now, queue, ranks, confirmed = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4] == '1'
local q, answers = names(queue), {}

-- Also when the item was refused, or came too late, after it had been sent again.
local function doubtful(item)
  return item[F.state] == 'U' or item[F.resent] == '1' or string.sub(item[F.reason] or '', 1, 9) == 'uncertain'
end

local function needless(item)
  if not item[F.message] then return nil end
  local record = load_message(item[F.message])
  if not record then return 'expired' end
  if record[F.closed] then return record[F.closed] end
  if not string.find(ranks, int(record[F.statuses][item[F.lane]] or 0), 1, true) then return 'read' end
end

local function redrive(id, item)
  put_back(q, id, item, '', now)
  end_attempt_of(id, item, 'unproven', now)
  -- What it waited so far counts no more: suspended_before is the time of suspension up to when it fell due, and the
  -- claim subtracts the time of suspension since then from what it waited (from that of a reply, too, although replies
  -- are not suspended).
  local before = suspended_so_far(now) - (now - tonumber(item[F.due] or now))
  redis.call('HSET', q.item .. id, F.suspended_before, int(before))
  redis.call('HDEL', q.item .. id, F.failures, F.failed_introductions, F.suspensions, F.aside_at)
  if doubtful(item) then redis.call('HSET', q.item .. id, F.resent, '1') end   -- this was the one time it is sent again
  return math.max(0, look_now(q, id, item, now) - now)
end

for i = 5, #ARGV do
  local id, answer, wait = ARGV[i], 'UNKNOWN', 0
  local item = load_item(q.item .. id)
  if item and item[F.state] ~= 'U' and item[F.state] ~= 'D' then answer = 'WAITING'
  elseif item then
    local why = needless(item)
    if why then
      answer = why
      end_attempt_of(id, item, 'unproven', now)
      close_item(q, id, item, doubtful(item) and 'uncertain ' .. why or why, now)
    elseif doubtful(item) and not confirmed then answer = 'DOUBTFUL'
    else
      answer = 'DONE'
      wait = redrive(id, item)
    end
  end
  answers[#answers + 1] = {answer, int(wait)}
end
return answers
