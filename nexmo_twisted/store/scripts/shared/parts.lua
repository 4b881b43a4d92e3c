-- A long reply whose parts have not all come: HASH at K.parts .. name, name = handset:number:reference:total, listed in
-- K.parts_due. f rid of the part that came first, which will be that of the reply, i its messageId; h handset, n
-- number, what its thread is known by (see replies.lua), d when it came, o its place, all as of that part; z total; u
-- until when others are waited for; i<part> messageId and x<part> text of each part that came. The rid, and so the UUID
-- it is posted with, is that of the first part to come and not of part 1: whatever a Redis that lost its last writes
-- still has of a reply, this is in it. Once it is posted incomplete c = 1, and it has no texts and is not listed: parts
-- that come late are known by it.
local function load_parts(name)
  local parts = load_item(K.parts .. name)
  local sound = parts and parts.f and parts.i and parts.h and parts.n and parts.b and tonumber(parts.d)
    and tonumber(parts.o) and (tonumber(parts.z) or 256) <= 255 and (parts.c or tonumber(parts.u))
  return sound and parts or nil
end
