-- What a step of the sweep found: 'repaired <kind>', 'expired <reason>' or 'foreign <family> <type>', and how often.
local found = {}
local function note(what) found[what] = (found[what] or 0) + 1 end
local function repaired(kind) note('repaired ' .. kind) end

-- What nobody waits for any more has an expiry.
local function must_end(key, ms)
  if redis.call('PTTL', key) == -1 then
    redis.call('PEXPIRE', key, int(ms))
    repaired('expiry')
  end
end

local function in_work(item) return item.s == 'R' or item.s == 'C' or item.s == 'S' end

local function aside_of(q, item)      -- where an item that stands aside is listed; nil for one in work
  return item.s == 'U' and q.uncertain or item.s == 'D' and q.buried or nil
end

-- What the sweep needs to know of an item, or nil when there is none that anybody of ours could have written.
local function sound_item(q, id)
  local read = redis.pcall('HMGET', q.item .. id, 'l', 's', 'd', 'm', 'o', 'z', 'u', 'x', 'j')
  local item = {l = read[1], s = read[2], d = read[3], m = read[4] or nil, o = read[5] or nil, z = tonumber(read[6]),
                u = tonumber(read[7]), j = read[9] or nil}
  local sound = item.l and tonumber(item.d) and (item.m or read[8] or q.queue == K.in_queue)
    and (in_work(item) or item.s == 'U' or item.s == 'D')
  return sound and item or nil
end

-- Takes what has no business there out of a lane, whatever its item says.
local function leave(q, lane, id)
  if redis.call('ZREM', q.lane .. lane, id) == 1 then repaired('lane') end
  if redis.call('EXISTS', q.lane .. lane) == 0 then redis.call('ZREM', q.queue, lane) end
end

-- One thing is looked at on its own: what nobody foresaw about it must not keep the sweep from the others. What ails
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
