-- What a step of the sweep found: 'repaired <kind>', 'expired <reason>' or 'foreign <family> <type>', and how often.
local found = {}
local function note(what) found[what] = (found[what] or 0) + 1 end
local function repaired(kind) note('repaired ' .. kind) end

-- What is not waited for any more has an expiry.
local function must_end(key, ms)
  if redis.call('PTTL', key) == -1 then
    redis.call('PEXPIRE', key, int(ms))
    repaired('expiry')
  end
end

local function in_work(item) return item[F.state] == 'R' or item[F.state] == 'C' or item[F.state] == 'S' end

local function aside_of(q, item)      -- where an item that stands aside is listed; nil for one in work
  return item[F.state] == 'U' and q.uncertain or item[F.state] == 'D' and q.dead or nil
end

-- What the sweep needs to know of an item, or nil when there is none that this service could have written.
local function sound_item(q, id)
  local read = redis.pcall('HMGET', q.item .. id, F.lane, F.state, F.due, F.message, F.order, F.aside_at,
    F.lease_ends, F.text, F.seen_version)
  local item = {
    [F.lane] = read[1], [F.state] = read[2], [F.due] = read[3], [F.message] = read[4] or nil,
    [F.order] = read[5] or nil, [F.aside_at] = tonumber(read[6]), [F.lease_ends] = tonumber(read[7]),
    [F.seen_version] = read[9] or nil,
  }
  local sound = item[F.lane] and tonumber(item[F.due]) and (item[F.message] or read[8] or q.queue == K.in_queue)
    and (in_work(item) or item[F.state] == 'U' or item[F.state] == 'D')
  return sound and item or nil
end

-- Takes what has no business there out of a lane, whatever its item says.
local function leave(q, lane, id)
  if redis.call('ZREM', q.lane .. lane, id) == 1 then repaired('lane') end
  if redis.call('EXISTS', q.lane .. lane) == 0 then redis.call('ZREM', q.queue, lane) end
end

-- One thing is looked at on its own: an unexpected error about it must not keep the sweep from the others. What ails
-- Redis itself came out before, at the first write of the script.
local function guarded(check, family, ...)
  if not pcall(check, ...) then
    repaired('type')
    note('foreign ' .. family .. ' broken')
  end
end

-- {where to go on, how many were looked at, what was found, how often, ...}
local function report(cursor, looked)
  local answer = {cursor, int(looked)}
  for what, n in pairs(found) do answer[#answer + 1] = what; answer[#answer + 1] = int(n) end
  return answer
end
