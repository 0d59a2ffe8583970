local function health(status, message)
  return { status = status, message = message }
end

if obj.spec ~= nil and obj.spec.suspend then
  return health("Suspended", "spec.suspend is set")
end
if obj.spec ~= nil and obj.spec.paused then
  return health("Suspended", "spec.paused is set")
end
if obj.status == nil or obj.status.conditions == nil then
  return health("Progressing", "Waiting for the operator to see it")
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "Waiting for the operator to see the change")
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function is(type)
  return conditions[type] ~= nil and conditions[type].status == "True"
end

if is("Stalled") then
  return health("Degraded", conditions.Stalled.message)
end
if is("Ready") then
  if is("Drifted") then
    return health("Healthy", conditions.Drifted.message)
  end
  return health("Healthy", conditions.Ready.message)
end
if is("Reconciling") then
  return health("Progressing", conditions.Reconciling.message)
end
if conditions.Ready ~= nil and conditions.Ready.status == "False" then
  return health("Degraded", conditions.Ready.message)
end
return health("Progressing", "Waiting for the operator")
