"""Who answers under the name of a version, and when that is another model than before.

watch      the rule: which of the identities that answers give is a change
answerers  what all legs and ticks say, and a watch of each version for all to see
asked      the model that a request names, for the copies, with which the request does not travel
"""
